//! The roles of the functions, by the template's policies: all that they do is allowed, and all that is
//! allowed is done.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate::{
    Limit,
    model::{ConfigScope, Entity, EntityId},
};
use tollgate_aws::Template;
use tollgate_testkit::{
    functions::{EventSource, Function, Reply, Sandbox},
    policies::{Call, Policy},
};

use crate::{
    archive::expired,
    history::History,
    recorder::{Recorder, TABLE},
    stage::{AGES, STACK, Stage},
};

const STREAM: &str = "arn:aws:dynamodb:us-east-1:111122223333:table/limits/stream/1";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:limits-aggregator-dlq";

const AGGREGATOR_LOGS: &str =
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/limits-aggregator:*";
const PROVISIONER_LOGS: &str =
    "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/limits-limits-provisioner:*";

/// Returns the policies of a role in the template, as one, with the ARNs of a stack.
fn policy(role: &str) -> Policy {
    let template: Value = serde_json::from_str(&Template::new().to_json().unwrap()).unwrap();
    let policies = template["Resources"][role]["Properties"]["Policies"].clone();
    let statements: Vec<Value> = resolved(policies)
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap())
        .cloned()
        .collect();
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::parse(&document.to_string()).unwrap()
}

/// Replaces the references to parts of the stack, for a stack with all parts.
fn resolved(node: Value) -> Value {
    match node {
        Value::Array(nodes) => nodes.into_iter().map(resolved).collect(),
        Value::Object(fields) => {
            if let Some(branches) = fields.get("Fn::If") {
                return resolved(branches[1].clone());
            }
            if let Some(part) = fields.get("Fn::GetAtt") {
                return arn(&format!("{}.{}", text(&part[0]), text(&part[1]))).into();
            }
            if let Some(template) = fields.get("Fn::Sub") {
                let (part, rest) = text(template).split_once('}').unwrap();
                return format!("{}{rest}", arn(part.trim_start_matches("${"))).into();
            }
            let fields = fields.into_iter();
            fields.map(|(name, node)| (name, resolved(node))).collect()
        }
        node => node,
    }
}

fn text(node: &Value) -> &str {
    node.as_str().unwrap()
}

fn arn(part: &str) -> &'static str {
    match part {
        "RateLimitsTable.Arn" => TABLE,
        "RateLimitsTable.StreamArn" => STREAM,
        "AggregatorDLQ.Arn" => QUEUE,
        "AuditArchiveBucket.Arn" => "arn:aws:s3:::archive",
        "AggregatorLogGroup.Arn" => AGGREGATOR_LOGS,
        "ProvisionerLogGroup.Arn" => PROVISIONER_LOGS,
        other => panic!("an unknown part: {other}"),
    }
}

/// Returns the calls that write the log of a function.
fn calls_of_log(group: &str) -> [Call; 2] {
    ["CreateLogStream", "PutLogEvents"].map(|action| Call::new(format!("logs:{action}"), group))
}

/// Returns the calls that Lambda makes with the role of the aggregator: it reads the stream, sets aside
/// what cannot be counted, and sends traces and logs.
fn calls_of_lambda() -> Vec<Call> {
    let follow = [
        "GetRecords",
        "GetShardIterator",
        "DescribeStream",
        "ListStreams",
    ];
    let follow = follow.map(|action| Call::new(format!("dynamodb:{action}"), STREAM));
    let trace = ["PutTraceSegments", "PutTelemetryRecords"];
    let trace = trace.map(|action| Call::new(format!("xray:{action}"), "*"));
    let mut calls = vec![Call::new("sqs:SendMessage", QUEUE)];
    calls.extend(follow);
    calls.extend(trace);
    calls.extend(calls_of_log(AGGREGATOR_LOGS));
    calls
}

/// Asserts that a role allows `calls`, and nothing else.
fn is_just_enough(role: &str, calls: &BTreeSet<Call>) {
    let policy = policy(role);
    let refused = policy.refused(calls);
    assert!(refused.is_empty(), "{role} does not allow {refused:?}");
    let unused = policy.unused(calls);
    assert!(unused.is_empty(), "{role}: nothing needs {unused:?}");
}

/// Returns a function whose requests are recorded.
async fn recorded(stage: &Stage, handler: &str) -> (Function, Recorder) {
    let recorder = Recorder::new(&stage.engine);
    let endpoint = recorder.start().await;
    let function = stage.function().handler(handler);
    (function.variable("AWS_ENDPOINT_URL", endpoint), recorder)
}

async fn answered(sandbox: &mut Sandbox, event: &Value) -> Value {
    match sandbox.invoke(event).await {
        Reply::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aggregator_may_do_what_it_does() {
    let stage = Stage::new().await;
    let (function, recorder) = recorded(&stage, "aggregator").await;
    let function = function
        .variable("ENABLE_ARCHIVAL", "true")
        .variable("ARCHIVE_BUCKET_NAME", "archive");
    // Windows that end and begin, and processes that know nothing of each other.
    let history = History::new(1, 3, 200);
    let source = EventSource::new(function.clone())
        .batch_size(20)
        .record_age(AGES)
        .bisect(true);
    let (first, second) = history.records.split_at(100);
    for records in [first, second] {
        source.deliver(records.to_vec()).await;
    }
    stage.assert_counted(&history.consumed, "recorded").await;
    let event = json!({ "Records": [expired(1)] });
    answered(&mut Sandbox::new(function), &event).await;
    let mut calls = recorder.calls();
    calls.extend(calls_of_lambda());
    is_just_enough("AggregatorRole", &calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provisioner_may_do_what_it_does() {
    let stage = Stage::new().await;
    let limiter = stage.limiter().await;
    let user = EntityId::new("user-1").unwrap();
    limiter
        .entities()
        .create(Entity::new(user.clone()))
        .await
        .unwrap();
    // Buckets that stamps and new limits reach.
    let stored = ConfigScope::Resource("gpt-4".parse().unwrap());
    let limits = [Limit::per_minute("tpm", 1000)];
    limiter.config().set(stored, limits).await.unwrap();
    limiter.acquire("user-1", "gpt-4").await.unwrap().commit();
    limiter.shutdown().await;
    let id = limiter.namespaces().get(&"default".parse().unwrap()).await;
    let id = id.unwrap().unwrap().id;

    let (function, recorder) = recorded(&stage, "provisioner").await;
    let mut sandbox = Sandbox::new(function);
    let limit = |capacity: u32| json!({ "tpm": { "capacity": capacity, "soft": true } });
    let whole = json!({
        "namespace": "default",
        "system": { "on_unavailable": "block", "limits": limit(10) },
        "resources": { "gpt-4": { "limits": limit(20), "cascade": true } },
        "entities": { "user-1": { "resources": { "gpt-4": { "limits": limit(30), "disabled": true } } } },
    });
    let less = json!({
        "namespace": "default",
        "resources": { "gpt-4": { "limits": limit(25) } },
    });
    for manifest in [&whole, &less, &json!({ "namespace": "default" })] {
        for action in ["plan", "apply"] {
            let event = json!({
                "action": action, "table_name": STACK, "namespace_id": id, "manifest": manifest,
            });
            let answer = answered(&mut sandbox, &event).await;
            let status = if action == "plan" {
                "planned"
            } else {
                "applied"
            };
            assert_eq!(answer["status"], status, "{answer}");
        }
    }
    let mut calls = recorder.calls();
    calls.extend(calls_of_log(PROVISIONER_LOGS));
    is_just_enough("ProvisionerRole", &calls);
}
