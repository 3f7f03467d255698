//! The template of a stack, and IAM policies, for tools that deploy them.

use serde_json::Value;
use tollgate_aws::Template;

use crate::stage::{Ran, bare, ran};

fn run(arguments: &str) -> Ran {
    let mut command = bare();
    command.args(arguments.split_whitespace());
    ran(command)
}

/// Returns what a command prints that succeeds.
fn printed(arguments: &str) -> String {
    let ran = run(arguments);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (0, ""),
        "{arguments}: {ran:?}"
    );
    ran.out
}

#[test]
fn the_template_is_printed_as_yaml_and_as_json() {
    let template = Template::new();
    assert_eq!(printed("cfn-template"), template.to_yaml().unwrap());
    assert_eq!(
        printed("cfn-template --format json").trim_end(),
        template.to_compact_json().unwrap(),
        "a call of CloudFormation takes no longer one"
    );
}

#[test]
fn a_policy_names_the_table_of_the_stack_or_the_given_one() {
    let resources = |arguments: &str| {
        let policy: Value = serde_json::from_str(&printed(arguments)).unwrap();
        policy["Statement"][0]["Resource"].clone()
    };
    let own = resources("iam policy read-only --name rate-limits");
    let table = "arn:aws:dynamodb:*:*:table/rate-limits";
    assert_eq!(own, serde_json::json!([table, format!("{table}/index/*")]));
    let elsewhere = resources("iam policy read-only --name rate-limits --region us-gov-west-1");
    let table = "arn:aws-us-gov:dynamodb:*:*:table/rate-limits";
    assert_eq!(elsewhere[0], table);
    let arn = "arn:aws-cn:dynamodb:cn-north-1:111122223333:table/other";
    let given = resources(&format!("iam policy namespace-acquire --table-arn {arn}"));
    assert_eq!(given, serde_json::json!([arn, format!("{arn}/index/*")]));
}

#[test]
fn every_policy_is_printed() {
    for (policy, part) in [
        ("acquire-only", "*/BUCKET#*"),
        ("full-access", "dynamodb:DeleteItem"),
        ("read-only", "dynamodb:Scan"),
        (
            "namespace-acquire",
            "${aws:PrincipalTag/zael_namespace_id}/BUCKET#*",
        ),
        ("namespace-full-access", "dynamodb:BatchWriteItem"),
        ("namespace-read-only", "_/*"),
    ] {
        let text = printed(&format!("iam policy {policy}"));
        assert!(text.contains(part), "{policy}: {text}");
    }
}

#[test]
fn the_terraform_configuration_has_all_policies() {
    let configuration: Value = serde_json::from_str(&printed("iam terraform")).unwrap();
    let policies = configuration["resource"]["aws_iam_policy"]
        .as_object()
        .unwrap();
    assert_eq!(policies.len(), 6);
}

/// The tests of stacks run the other commands of the page.
#[test]
fn the_commands_of_the_page_work() {
    let page = include_str!("../../../../docs/guide/stack.md");
    let (_, section) = page.split_once("\n## Who may do what\n").unwrap();
    let commands = section
        .lines()
        .filter_map(|line| line.strip_prefix("$ tollgate "));
    let commands: Vec<_> = commands
        .map(|line| line.split(" > ").next().unwrap())
        .collect();
    assert!(commands.len() >= 2, "{commands:?}");
    for command in commands {
        let json: Value = serde_json::from_str(&printed(command)).unwrap();
        assert!(json.is_object(), "{command}");
    }
}

#[test]
fn wrong_arguments_are_told_with_the_right_ones() {
    for (arguments, part) in [
        ("cfn-template --output json", "--format"),
        ("cfn-template --format toml", "yaml, json"),
        ("iam policy", "<POLICY>"),
        ("iam policy admin", "full-access"),
        (
            "iam policy read-only --table-arn arn:aws:s3:::bucket",
            "arn:aws:dynamodb:REGION:ACCOUNT:table/NAME",
        ),
        ("iam terraform --watch", "Nothing was done"),
    ] {
        let ran = run(arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{arguments}: {ran:?}"
        );
        assert!(ran.err.contains(part), "{arguments}: {ran:?}");
    }
}
