//! Documents in IAM's format.

use crate::{
    node::{Node, list, map},
    print::{self, PrintError},
};

/// The version of IAM's policy language.
pub(crate) const LANGUAGE: &str = "2012-10-17";

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    pub(super) statements: Vec<Statement>,
}

/// A statement that allows actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) sid: &'static str,
    pub(super) actions: &'static [&'static str],
    pub(super) resources: Vec<Node>,
    /// Patterns of partition keys. If there are some, every key of a call must match one of them, and
    /// a call without a key is refused.
    pub(super) leading_keys: &'static [&'static str],
}

impl PolicyDocument {
    /// Returns the document as indented JSON.
    ///
    /// # Errors
    /// [`PrintError`] if it cannot be printed.
    pub fn to_json(&self) -> Result<String, PrintError> {
        print::json(&self.to_node())
    }

    pub(crate) fn to_node(&self) -> Node {
        let statements = self.statements.iter().map(Statement::to_node);
        map([
            ("Version", LANGUAGE.into()),
            ("Statement", list(statements)),
        ])
    }
}

impl Statement {
    fn to_node(&self) -> Node {
        let mut entries = vec![
            ("Sid".to_owned(), self.sid.into()),
            ("Effect".to_owned(), "Allow".into()),
            ("Action".to_owned(), list(self.actions.iter().copied())),
            ("Resource".to_owned(), list(self.resources.clone())),
        ];
        if !self.leading_keys.is_empty() {
            let keys = list(self.leading_keys.iter().copied());
            let condition = map([
                (
                    "ForAllValues:StringLike",
                    map([("dynamodb:LeadingKeys", keys)]),
                ),
                // For a call without a key, "for all values" is true.
                ("Null", map([("dynamodb:LeadingKeys", "false".into())])),
            ]);
            entries.push(("Condition".to_owned(), condition));
        }
        Node::Map(entries)
    }
}
