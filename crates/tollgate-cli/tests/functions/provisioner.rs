//! Limits that events declare.

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::put};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tollgate::model::{ConfigScope, StoredConfig};
use tollgate_testkit::{
    ErrorAnswer, Fault,
    functions::{Reply, Sandbox},
};

use crate::stage::{STACK, Stage};

/// The addresses that CloudFormation signs: each answer is passed on.
struct CloudFormation {
    url: String,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
}

impl CloudFormation {
    async fn start() -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let router = Router::new().route("/answer", put(take)).with_state(sender);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/answer?signed=1", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, answers }
    }

    /// Returns an event.
    fn event(&self, kind: &str, id: &str, properties: &Value) -> Value {
        json!({
            "RequestType": kind,
            "ResponseURL": self.url,
            "StackId": "stack-1",
            "RequestId": "request-1",
            "LogicalResourceId": "TenantLimits",
            "ResourceType": "Custom::ZaeLimiterLimits",
            "PhysicalResourceId": id,
            "ResourceProperties": properties,
        })
    }
}

async fn take(
    State(sender): State<mpsc::UnboundedSender<(String, Value)>>,
    headers: HeaderMap,
    body: Bytes,
) {
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    sender
        .send((kind, serde_json::from_slice(&body).unwrap()))
        .unwrap();
}

fn provisioner(stage: &Stage) -> Sandbox {
    Sandbox::new(stage.function().handler("provisioner"))
}

/// Returns the config of the resource `gpt-4`.
async fn stored(stage: &Stage) -> Option<StoredConfig> {
    let limiter = stage.limiter().await;
    let scope = ConfigScope::Resource("gpt-4".parse().unwrap());
    limiter.config().get(&scope).await.unwrap()
}

fn properties(capacity: &str) -> Value {
    json!({
        "ServiceToken": "arn:aws:lambda:us-east-1:1:function:limits-limits-provisioner",
        "TableName": STACK,
        "Namespace": "default",
        "Resources": { "gpt-4": { "Limits": { "tpm": { "Capacity": capacity } } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_resource_creates_changes_and_deletes_limits() {
    let stage = Stage::new().await;
    let mut sandbox = provisioner(&stage);
    let mut cloud = CloudFormation::start().await;
    let event = cloud.event("Create", "", &properties("1000"));
    assert!(matches!(sandbox.invoke(&event).await, Reply::Answered(_)));
    let (kind, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(kind, "");
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["Data"]["created"], 1, "{answer}");
    for (name, value) in [
        ("StackId", "stack-1"),
        ("LogicalResourceId", "TenantLimits"),
    ] {
        assert_eq!(answer[name], value);
    }
    let id = answer["PhysicalResourceId"].as_str().unwrap().to_owned();
    assert!(
        id.starts_with("limits/") && id.ends_with("/limits-provisioner"),
        "{id}"
    );
    assert_eq!(stored(&stage).await.unwrap().limits[0].capacity(), 1000);

    sandbox
        .invoke(&cloud.event("Update", &id, &properties("2000")))
        .await;
    let (_, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(
        (&answer["Status"], &answer["Data"]["updated"]),
        (&"SUCCESS".into(), &1.into())
    );
    assert_eq!(answer["PhysicalResourceId"], id.as_str());
    assert_eq!(stored(&stage).await.unwrap().limits[0].capacity(), 2000);

    // What the template says no longer matters, not even if it is wrong.
    sandbox
        .invoke(&cloud.event("Delete", &id, &properties("many")))
        .await;
    let (_, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(stored(&stage).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_resource_fails_when_something_failed() {
    let stage = Stage::new().await;
    let mut sandbox = provisioner(&stage);
    let mut cloud = CloudFormation::start().await;
    let mut tenant = properties("5");
    tenant["Namespace"] = "nobody".into();
    let mut unknown = properties("5");
    unknown["Resources"]["gpt-4"]["Limits"]["tpm"]["Capcity"] = "5".into();
    for (properties, told) in [
        (
            properties("many"),
            "Resources.gpt-4.Limits.tpm.Capacity must be a whole number",
        ),
        (properties(""), "capacity"),
        (properties("0"), "resources.gpt-4.limits.tpm.capacity: "),
        (unknown, "Capcity is unknown"),
        (tenant.clone(), "tollgate namespace register nobody"),
    ] {
        sandbox
            .invoke(&cloud.event("Create", "", &properties))
            .await;
        let (_, answer) = cloud.answers.recv().await.unwrap();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        assert_eq!(answer["PhysicalResourceId"], "failed");
        let reason = answer["Reason"].as_str().unwrap();
        assert!(reason.contains(told), "{told}: {reason}");
    }
    // A write that fails, although others would have succeeded.
    stage.proxy.set_fault(
        Fault::answer(ErrorAnswer::access_denied("dynamodb:TransactWriteItems"))
            .on("TransactWriteItems"),
    );
    sandbox
        .invoke(&cloud.event("Create", "", &properties("5")))
        .await;
    let (_, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(stored(&stage).await, None);
    stage.proxy.clear_faults();
    // What is gone needs no deletion.
    sandbox
        .invoke(&cloud.event("Delete", "failed", &tenant))
        .await;
    let (_, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
}

/// Fault: CloudFormation deletes a resource whose creation has failed. The limits that others have
/// declared before stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_was_never_created_deletes_nothing() {
    let stage = Stage::new().await;
    let mut sandbox = provisioner(&stage);
    let mut cloud = CloudFormation::start().await;
    let event = cloud.event("Create", "", &properties("1000"));
    sandbox.invoke(&event).await;
    let (_, created) = cloud.answers.recv().await.unwrap();
    assert_eq!(created["Status"], "SUCCESS", "{created}");
    // Another template, with an error.
    let event = cloud.event("Create", "", &properties("many"));
    sandbox.invoke(&event).await;
    let (_, failed) = cloud.answers.recv().await.unwrap();
    assert_eq!(failed["Status"], "FAILED", "{failed}");
    let id = failed["PhysicalResourceId"].as_str().unwrap().to_owned();
    // Without any answer, CloudFormation makes up an id.
    for id in [&*id, "stack-TenantLimits-1ABCDEF", ""] {
        let event = cloud.event("Delete", id, &properties("many"));
        sandbox.invoke(&event).await;
        let (_, answer) = cloud.answers.recv().await.unwrap();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert!(stored(&stage).await.is_some(), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_delivered_fails_so_that_lambda_repeats_the_event() {
    let stage = Stage::new().await;
    let mut sandbox = provisioner(&stage);
    let mut cloud = CloudFormation::start().await;
    let url = std::mem::replace(&mut cloud.url, "http://127.0.0.1:1/answer".into());
    let failed = sandbox
        .invoke(&cloud.event("Create", "", &properties("5")))
        .await;
    let Reply::Failed(told) = failed else {
        panic!("it must fail: {failed:?}");
    };
    assert_eq!(told["errorType"], "NotDelivered", "{told}");
    cloud.url = url;
    sandbox
        .invoke(&cloud.event("Create", "", &properties("5")))
        .await;
    let (_, answer) = cloud.answers.recv().await.unwrap();
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer["Data"]["unchanged"], 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_the_command_plan_and_apply() {
    let stage = Stage::new().await;
    let mut sandbox = provisioner(&stage);
    let limiter = stage.limiter().await;
    let id = limiter.location().unwrap().namespace_id.to_string();
    let event = |action: &str, id: &str| {
        json!({
            "action": action,
            "table_name": STACK,
            "namespace_id": id,
            "manifest": {
                "namespace": "default",
                "resources": { "gpt-4": { "limits": {
                    "tpm": { "capacity": 1000, "refill_amount": 1000, "refill_period": 60 },
                } } },
            },
            "full": false,
        })
    };
    let change = json!([{ "action": "create", "level": "resource", "target": "gpt-4" }]);
    let Reply::Answered(planned) = sandbox.invoke(&event("plan", &id)).await else {
        panic!("it must answer");
    };
    assert_eq!(
        (&planned["status"], &planned["changes"]),
        (&"planned".into(), &change)
    );
    assert_eq!(stored(&stage).await, None);
    let Reply::Answered(applied) = sandbox.invoke(&event("apply", &id)).await else {
        panic!("it must answer");
    };
    assert_eq!(
        (&applied["created"], &applied["changes"]),
        (&1.into(), &change),
        "{applied}"
    );
    assert_eq!(applied["errors"], json!([]));
    assert!(stored(&stage).await.is_some());
    for (event, kind) in [
        (event("apply", "another-one"), "NotFound"),
        (event("destroy", &id), "InvalidEvent"),
        (json!({}), "InvalidEvent"),
    ] {
        let Reply::Failed(told) = sandbox.invoke(&event).await else {
            panic!("it must fail: {kind}");
        };
        assert_eq!(told["errorType"], kind, "{told}");
    }
}
