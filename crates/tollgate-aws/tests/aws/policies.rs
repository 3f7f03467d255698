//! Policies: what each tier may do, and what it may not.

use serde_json::Value;
use tollgate_aws::{
    StackPolicy, Template,
    policy::{FunctionResources, PolicyDocument, TableResource, terraform},
};
use tollgate_testkit::policies::{Call, Policy};

const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/rate-limits";
const INDEX: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/rate-limits/index/GSI4";

/// Two namespaces.
const OWN: &str = "AbC-_123456";
const OTHER: &str = "ZyX-_987654";

const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "ConditionCheckItem"];
const WRITES: [&str; 4] = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"];

fn parse(document: &PolicyDocument) -> Policy {
    Policy::parse(&document.to_json().unwrap()).unwrap()
}

fn policy(policy: StackPolicy) -> Policy {
    parse(&TableResource::new(TABLE).document(policy))
}

fn call(action: &str, resource: &str, key: &str) -> Call {
    let call = Call::new(format!("dynamodb:{action}"), resource).leading_key(key);
    call.principal_tag("zael_namespace_id", OWN)
}

/// Returns the keys of a namespace: a bucket, an entity, a config, the history.
fn keys(namespace: &str) -> [String; 4] {
    ["BUCKET#user#api#0", "ENTITY#user", "SYSTEM#", "AUDIT#user"]
        .map(|key| format!("{namespace}/{key}"))
}

const REGISTRY: &str = "_/SYSTEM#";

#[test]
fn the_policies_of_the_table_reach_every_namespace() {
    for key in [keys(OWN), keys(OTHER)].concat() {
        let is_bucket = key.contains("/BUCKET#");
        for tier in [
            StackPolicy::AcquireOnly,
            StackPolicy::FullAccess,
            StackPolicy::ReadOnly,
        ] {
            for action in READS {
                assert!(
                    policy(tier).allows(&call(action, TABLE, &key)),
                    "{tier:?} {action}"
                );
                assert!(
                    policy(tier).allows(&call(action, INDEX, &key)),
                    "{tier:?} {action}"
                );
            }
            for action in WRITES {
                let expected = match tier {
                    StackPolicy::FullAccess => true,
                    StackPolicy::AcquireOnly => {
                        is_bucket && matches!(action, "PutItem" | "UpdateItem")
                    }
                    _ => false,
                };
                let write = call(action, TABLE, &key);
                assert_eq!(
                    policy(tier).allows(&write),
                    expected,
                    "{tier:?} {action} {key}"
                );
            }
        }
    }
}

#[test]
fn only_the_registry_is_shared_between_namespaces_and_nobody_there_writes_it() {
    for tier in [
        StackPolicy::NamespaceAcquire,
        StackPolicy::NamespaceFullAccess,
        StackPolicy::NamespaceReadOnly,
    ] {
        let policy = policy(tier);
        for action in READS {
            for key in keys(OWN) {
                assert!(
                    policy.allows(&call(action, TABLE, &key)),
                    "{tier:?} {action} {key}"
                );
            }
            assert!(
                policy.allows(&call(action, TABLE, REGISTRY)),
                "{tier:?} {action}"
            );
        }
        for action in [READS, WRITES].concat() {
            for key in keys(OTHER) {
                for resource in [TABLE, INDEX] {
                    let call = call(action, resource, &key);
                    assert!(!policy.allows(&call), "{tier:?} {call:?}");
                }
            }
            // A batch with an item of another namespace.
            let mixed = call(action, TABLE, &keys(OWN)[0]).leading_key(&keys(OTHER)[0]);
            assert!(!policy.allows(&mixed), "{tier:?} {action}");
            // The partitions of other namespaces in the index of all items.
            for partition in [OTHER, "_"] {
                assert!(
                    !policy.allows(&call(action, INDEX, partition)),
                    "{tier:?} {action}"
                );
            }
            // A call whose key IAM does not know.
            let unknown = Call::new(format!("dynamodb:{action}"), TABLE);
            assert!(!policy.allows(&unknown.principal_tag("zael_namespace_id", OWN)));
        }
        for action in WRITES {
            assert!(
                !policy.allows(&call(action, TABLE, REGISTRY)),
                "{tier:?} {action}"
            );
            for key in keys(OWN) {
                let expected = match tier {
                    StackPolicy::NamespaceFullAccess => true,
                    StackPolicy::NamespaceAcquire => {
                        key.contains("/BUCKET#") && matches!(action, "PutItem" | "UpdateItem")
                    }
                    _ => false,
                };
                let write = call(action, TABLE, &key);
                assert_eq!(policy.allows(&write), expected, "{tier:?} {action} {key}");
            }
        }
        let lists = tier != StackPolicy::NamespaceAcquire;
        assert_eq!(policy.allows(&call("Query", INDEX, OWN)), lists, "{tier:?}");
        for action in ["Scan", "DescribeTable", "DeleteTable", "UpdateTable"] {
            assert!(
                !policy.allows(&call(action, TABLE, &keys(OWN)[0])),
                "{tier:?} {action}"
            );
        }
    }
}

#[test]
fn a_caller_without_a_namespace_reaches_only_the_registry() {
    for tier in StackPolicy::ALL.into_iter().skip(3) {
        for action in [READS, WRITES].concat() {
            for key in keys(OWN)
                .iter()
                .map(String::as_str)
                .chain(["/BUCKET#user#api#0", ""])
            {
                let call = Call::new(format!("dynamodb:{action}"), TABLE).leading_key(key);
                assert!(!policy(tier).allows(&call), "{tier:?} {call:?}");
            }
        }
        // A tag with wildcards stands for itself.
        let read = Call::new("dynamodb:GetItem", TABLE).leading_key(&keys(OWN)[0]);
        assert!(!policy(tier).allows(&read.principal_tag("zael_namespace_id", "*")));
    }
}

#[test]
fn no_policy_of_a_person_or_a_service_changes_the_table_itself() {
    for tier in StackPolicy::ALL {
        for action in [
            "CreateTable",
            "DeleteTable",
            "UpdateTable",
            "UpdateTimeToLive",
        ] {
            let change = Call::new(format!("dynamodb:{action}"), TABLE);
            assert!(!policy(tier).allows(&change), "{tier:?} {action}");
        }
        let elsewhere = call(
            "GetItem",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/other",
            "x",
        );
        assert!(!policy(tier).allows(&elsewhere), "{tier:?}");
    }
}

#[test]
fn the_aggregator_writes_usage_and_no_bucket() {
    let queue = "arn:aws:sqs:eu-central-1:111122223333:rate-limits-aggregator-dlq";
    let stream = format!("{TABLE}/stream/2026-01-31T00:00:00.000");
    let parts = FunctionResources::new(TABLE, &stream, queue, "arn:aws:s3:::archive");
    let aggregator = parse(&parts.aggregator());
    let usage = format!("{OWN}/ENTITY#user");
    assert!(aggregator.allows(&call("UpdateItem", TABLE, &usage)));
    assert!(aggregator.allows(&call("BatchGetItem", TABLE, &usage)));
    assert!(aggregator.allows(&Call::new("dynamodb:GetRecords", &stream)));
    assert!(aggregator.allows(&Call::new("sqs:SendMessage", queue)));
    // Its lease.
    assert!(aggregator.allows(&call("UpdateItem", TABLE, REGISTRY)));
    for key in [&keys(OWN)[0], &keys(OWN)[2]] {
        assert!(!aggregator.allows(&call("UpdateItem", TABLE, key)), "{key}");
    }
    assert!(!aggregator.allows(&call("DeleteItem", TABLE, &usage)));

    let archive = parse(&parts.archive());
    assert!(archive.allows(&Call::new("s3:PutObject", "arn:aws:s3:::archive/audit/1")));
    assert!(!archive.allows(&Call::new(
        "s3:DeleteObject",
        "arn:aws:s3:::archive/audit/1"
    )));

    let provisioner = parse(&parts.provisioner());
    assert!(provisioner.allows(&call("DeleteItem", TABLE, &keys(OWN)[2])));
    assert!(!provisioner.allows(&Call::new("dynamodb:DeleteTable", TABLE)));
}

#[test]
fn the_template_has_the_same_policies() {
    let template: Value = serde_json::from_str(&Template::new().to_json().unwrap()).unwrap();
    for tier in StackPolicy::ALL {
        let resource = &template["Resources"][tier.logical_id()]["Properties"];
        let document = resource["PolicyDocument"].to_string();
        let table = r#"{"Fn::GetAtt":["RateLimitsTable","Arn"]}"#;
        let indexes = r#"{"Fn::Sub":"${RateLimitsTable.Arn}/index/*"}"#;
        let named = document
            .replace(table, &format!("\"{TABLE}\""))
            .replace(indexes, &format!("\"{TABLE}/index/*\""));
        let expected = TableResource::new(TABLE).document(tier).to_json().unwrap();
        let (named, expected): (Value, Value) = (
            serde_json::from_str(&named).unwrap(),
            serde_json::from_str(&expected).unwrap(),
        );
        assert_eq!(named, expected, "{tier:?}");
        // CloudFormation cannot change it.
        let description = &resource["Description"]["Fn::If"];
        assert_eq!(description[0], "HasPythonIndexes", "{tier:?}");
        assert_eq!(description[2]["Ref"], "AWS::NoValue", "{tier:?}");
    }
}

/// Returns the policies that Terraform would make of its configuration.
fn from_terraform(label: &str) -> Policy {
    let configuration: Value = serde_json::from_str(&terraform().unwrap()).unwrap();
    let data = &configuration["data"]["aws_iam_policy_document"][label];
    let statements = data["statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|statement| {
            let mut made = serde_json::json!({
                "Sid": statement["sid"],
                "Effect": "Allow",
                "Action": statement["actions"],
                "Resource": statement["resources"],
            });
            for condition in statement["condition"].as_array().into_iter().flatten() {
                let test = condition["test"].as_str().unwrap();
                let variable = condition["variable"].as_str().unwrap();
                made["Condition"][test][variable] = condition["values"].clone();
            }
            made
        });
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": statements.collect::<Vec<_>>(),
    });
    let text = document.to_string();
    // Terraform's own variables begin with a dollar, those of IAM with an ampersand.
    let text = text.replace("${var.table_arn}", TABLE);
    assert!(!text.contains("${"), "{text}");
    Policy::parse(&text.replace("&{", "${")).unwrap()
}

#[test]
fn terraform_makes_the_same_policies() {
    for (tier, label) in StackPolicy::ALL.into_iter().zip([
        "tollgate_acquire_only",
        "tollgate_full_access",
        "tollgate_read_only",
        "tollgate_namespace_acquire",
        "tollgate_namespace_full_access",
        "tollgate_namespace_read_only",
    ]) {
        let (here, there) = (policy(tier), from_terraform(label));
        for key in [keys(OWN), keys(OTHER)].concat() {
            for action in [READS, WRITES].concat() {
                for resource in [TABLE, INDEX] {
                    let call = call(action, resource, &key);
                    assert_eq!(here.allows(&call), there.allows(&call), "{tier:?} {call:?}");
                }
            }
        }
        let configuration: Value = serde_json::from_str(&terraform().unwrap()).unwrap();
        let managed = &configuration["resource"]["aws_iam_policy"][label];
        let json = format!("${{data.aws_iam_policy_document.{label}.json}}");
        assert_eq!(managed["policy"], json.as_str());
        let name = format!("${{var.stack}}-{}", tier.component());
        assert_eq!(managed["name"], name.as_str());
    }
}
