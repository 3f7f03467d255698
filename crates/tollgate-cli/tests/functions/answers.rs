//! The answers of the function.

use serde_json::{Value, json};
use tollgate_testkit::functions::{Reply, Sandbox};

use crate::{history::History, stage::Stage};

/// Returns what a failed invocation tells.
fn failure(reply: Reply) -> (String, String) {
    let Reply::Failed(told) = reply else {
        panic!("it must fail: {reply:?}");
    };
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("errorType"), text("errorMessage"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_record_that_failed_is_named() {
    let stage = Stage::new().await;
    let mut records = History::new(1, 2, 9).records;
    let mut sandbox = Sandbox::new(stage.function());
    let event = |records: &[Value]| json!({ "Records": records });
    let done = Reply::Answered(json!({ "batchItemFailures": [] }));
    assert_eq!(sandbox.invoke(&event(&records)).await, done);
    assert_eq!(sandbox.invoke(&event(&[])).await, done);
    for place in [7, 4] {
        records[place]["eventName"] = "RENAME".into();
    }
    let named = records[4]["dynamodb"]["SequenceNumber"].clone();
    let named = json!({ "batchItemFailures": [{ "itemIdentifier": named }] });
    assert_eq!(
        sandbox.invoke(&event(&records)).await,
        Reply::Answered(named)
    );
    // Nothing would be gained by naming the first record.
    let (kind, told) = failure(sandbox.invoke(&event(&records[4..])).await);
    assert_eq!(kind, "RecordsFailed");
    assert!(
        told.contains("2 of 5") && told.contains("eventName"),
        "{told}"
    );
    // The same process goes on.
    assert_eq!(sandbox.invoke(&event(&records[..4])).await, done);
    assert_eq!(sandbox.starts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_something_else_fail() {
    let stage = Stage::new().await;
    let mut sandbox = Sandbox::new(stage.function());
    for event in [json!({}), json!([]), json!({ "Records": 7 }), Value::Null] {
        let (kind, told) = failure(sandbox.invoke(&event).await);
        assert_eq!(kind, "MalformedEvent");
        assert!(told.contains("stream of a table"), "{told}");
    }
    let mut records = History::new(1, 1, 1).records;
    records[0]["eventSourceARN"] = "arn:aws:dynamodb:us-east-1:1:table/other/stream/now".into();
    let (_, told) = failure(sandbox.invoke(&json!({ "Records": records })).await);
    assert!(
        told.contains("of table other, and TABLE_NAME is limits"),
        "{told}"
    );
    let (_, told) = failure(sandbox.invoke(&json!({ "Records": [{}] })).await);
    assert!(told.contains("SequenceNumber"), "{told}");
    assert_eq!(stage.counted("daily").await, Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_the_log_is_an_object() {
    let stage = Stage::new().await;
    let history = History::new(4, 2, 20);
    let report = stage.source().deliver(history.records.clone()).await;
    let lines: Vec<Value> = report
        .log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (&lines[0]["level"], &lines[0]["records"]),
        (&json!("INFO"), &json!(20))
    );
    assert!(lines[0]["snapshot_writes"].as_u64().unwrap() > 0);
}
