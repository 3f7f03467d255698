//! Archives of the history.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tollgate_testkit::functions::{Reply, Sandbox};

use crate::stage::{STACK, Stage};

/// Returns a record of an event of the history that expired.
pub(crate) fn expired(sequence: u32) -> Value {
    json!({
        "eventName": "REMOVE",
        "userIdentity": { "type": "Service", "principalId": "dynamodb.amazonaws.com" },
        "dynamodb": {
            "ApproximateCreationDateTime": 1_769_868_916,
            "SequenceNumber": format!("{sequence:021}"),
            "Keys": { "PK": { "S": "ns/AUDIT#user-1" }, "SK": { "S": "#AUDIT#1" } },
            "OldImage": {
                "event_id": { "S": format!("event-{sequence}") },
                "entity_id": { "S": "user-1" },
                "action": { "S": "entity_created" },
                "timestamp": { "S": "2026-01-31T14:15:16Z" },
                "details": { "M": { "parent": { "S": "user-0" } } },
            },
        },
    })
}

fn lines(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(lines(&path));
            continue;
        }
        let mut text = String::new();
        let file = fs::File::open(path).unwrap();
        GzDecoder::new(file).read_to_string(&mut text).unwrap();
        found.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_expire_are_archived_or_fail() {
    let stage = Stage::new().await;
    let folder = std::env::temp_dir().join(format!("tollgate-function-{}", std::process::id()));
    let function = || stage.function().variable("ENABLE_ARCHIVAL", "true");
    let mut sandbox = Sandbox::new(function().variable("ARCHIVE_FOLDER", &folder));
    let event = json!({ "Records": [expired(1), expired(2)] });
    let done = Reply::Answered(json!({ "batchItemFailures": [] }));
    assert_eq!(sandbox.invoke(&event).await, done, "{STACK}");
    let archived = lines(&folder);
    assert_eq!(archived.len(), 2, "{archived:?}");
    assert_eq!(archived[0]["event_id"], "event-1");
    assert_eq!(archived[1]["details"], json!({ "parent": "user-0" }));
    fs::remove_dir_all(&folder).unwrap();
    // A file in the place of the folder: nothing can be archived, and Lambda is told.
    fs::write(&folder, "").unwrap();
    let failed = sandbox.invoke(&event).await;
    fs::remove_file(&folder).unwrap();
    assert!(matches!(failed, Reply::Failed(_)), "{failed:?}");
    let told = sandbox.into_log().into_iter().find(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["event"] == "archive_failed" && line["events"] == 2
    });
    assert!(told.is_some());
}
