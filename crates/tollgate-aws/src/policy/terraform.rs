//! The policies in the JSON form of Terraform's configuration.

use super::{
    document::{PolicyDocument, Statement},
    resource::TableResource,
};
use crate::{
    names::StackPolicy,
    node::{Node, list, map},
    print::{self, PrintError},
};

/// Returns a Terraform configuration, for a file `tollgate.tf.json`, with the six policies of a stack
/// as managed policies. It has two variables: the stack's name, and the ARN of its table.
///
/// # Errors
/// [`PrintError`] if it cannot be printed.
pub fn terraform() -> Result<String, PrintError> {
    let table = TableResource::new("${var.table_arn}");
    let documents = StackPolicy::ALL.map(|policy| {
        let document = data(&table.document(policy));
        (label(policy).to_owned(), document)
    });
    let policies = StackPolicy::ALL.map(|policy| {
        let label = label(policy);
        let json = format!("${{data.aws_iam_policy_document.tollgate_{label}.json}}");
        let name = format!("${{var.stack}}-{}", policy.component());
        let policy = map([("name", name.into()), ("policy", json.into())]);
        (label.to_owned(), policy)
    });
    let prefixed = |entries: [(String, Node); 6]| {
        let entries = entries.map(|(label, node)| (format!("tollgate_{label}"), node));
        Node::Map(entries.into())
    };
    let variable = |text: &str| map([("type", "string".into()), ("description", text.into())]);
    print::json(&map([
        (
            "variable",
            map([
                ("stack", variable("Name of the stack of tollgate")),
                ("table_arn", variable("ARN of its table")),
            ]),
        ),
        (
            "data",
            map([("aws_iam_policy_document", prefixed(documents))]),
        ),
        ("resource", map([("aws_iam_policy", prefixed(policies))])),
    ]))
}

fn label(policy: StackPolicy) -> &'static str {
    match policy {
        StackPolicy::AcquireOnly => "acquire_only",
        StackPolicy::FullAccess => "full_access",
        StackPolicy::ReadOnly => "read_only",
        StackPolicy::NamespaceAcquire => "namespace_acquire",
        StackPolicy::NamespaceFullAccess => "namespace_full_access",
        StackPolicy::NamespaceReadOnly => "namespace_read_only",
    }
}

fn data(document: &PolicyDocument) -> Node {
    let statements = document.statements.iter().map(statement);
    map([("statement", list(statements))])
}

fn statement(statement: &Statement) -> Node {
    let mut entries = vec![
        ("sid".to_owned(), statement.sid.into()),
        (
            "actions".to_owned(),
            list(statement.actions.iter().copied()),
        ),
        ("resources".to_owned(), list(statement.resources.clone())),
    ];
    if !statement.leading_keys.is_empty() {
        // Terraform writes the variables of IAM with an ampersand: the dollar is its own.
        let keys = statement
            .leading_keys
            .iter()
            .map(|key| key.replace("${", "&{"));
        let condition = |test: &str, values: Node| {
            map([
                ("test", test.into()),
                ("variable", "dynamodb:LeadingKeys".into()),
                ("values", values),
            ])
        };
        let conditions = [
            condition("ForAllValues:StringLike", list(keys)),
            condition("Null", list(["false"])),
        ];
        entries.push(("condition".to_owned(), list(conditions)));
    }
    Node::Map(entries)
}
