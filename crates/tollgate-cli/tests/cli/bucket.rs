//! `tollgate bucket show`

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use tollgate::Limit;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_shown_with_the_verdict_on_a_cost() {
    let stage = Stage::with_stack().await;
    stage.ok("entity create key-1 --parent org-1 --cascade");
    stage.ok("system set-defaults -l rpd:10/day");
    let limiter = stage.limiter().await;
    limiter
        .acquire("key-1", "api")
        .cost("rpd", 4)
        .await
        .unwrap()
        .commit();
    limiter.shutdown().await;
    let shown = stage.json("bucket show key-1 api --cost rpd:7");
    assert_eq!(shown["limits_from"], "system");
    let limit = &shown["shards"][0]["limits"][0];
    assert_eq!(
        (limit["capacity"].as_f64(), limit["consumed"].as_f64()),
        (Some(10.0), Some(4.0))
    );
    let level = limit["level"].as_f64().unwrap();
    assert!((6.0..6.1).contains(&level), "{level}");
    assert_eq!(shown["shards"][0]["parent"], "org-1");
    let verdict = &shown["verdict"];
    assert_eq!(verdict["granted"], false);
    let wait = verdict["retry_after_seconds"].as_f64().unwrap();
    assert!((8000.0..8641.0).contains(&wait), "a tenth of a day: {wait}");
    let owners: Vec<_> = verdict["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["owner"])
        .collect();
    assert_eq!(owners, ["entity", "parent"]);
    let text = stage.ok("bucket show key-1 api --cost rpd:6");
    assert!(
        text.contains("This cost would be granted now.")
            && text.contains("Stored limits (system): rpd: 10/day"),
        "{text}"
    );
    let text = stage.ok("bucket show key-1 api --cost rpd:11");
    assert!(text.contains("never"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_does_not_exist_is_told() {
    let stage = Stage::with_stack().await;
    let text = stage.ok("bucket show user-1 api");
    assert!(
        text.contains("No limits are stored") && text.contains("No bucket yet"),
        "{text}"
    );
    let text = stage.ok("bucket show user-1 api --cost rpm:1");
    assert!(text.contains("would be refused"), "{text}");
    stage.ok("resource set-defaults api -l rpm:5");
    let text = stage.ok("bucket show user-1 api --cost rpm:5");
    assert!(text.contains("granted now"), "a new bucket is full: {text}");
    let text = stage.ok("bucket show user-1 api --cost tpm:5");
    assert!(
        text.contains("would be refused") && text.contains("tpm"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_limits_that_are_not_stored_is_shown() {
    let stage = Stage::with_stack().await;
    let limiter = stage.limiter().await;
    let limit = Limit::per_day("rpd", 5);
    limiter
        .acquire("user-1", "api")
        .limits(limit)
        .await
        .unwrap()
        .commit();
    limiter.shutdown().await;
    let shown = stage.json("bucket show user-1 api");
    assert_eq!(shown["limits_from"], serde_json::Value::Null);
    assert_eq!(shown["shards"][0]["limits"][0]["limit"], "rpd");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_watched_until_the_command_is_interrupted() {
    let stage = Stage::with_stack().await;
    let mut command = stage.command([
        "bucket",
        "show",
        "user-1",
        "api",
        "--watch=1",
        "-o",
        "jsonl",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["limits_from"], serde_json::Value::Null);
    stage.ok("resource set-defaults api -l rpm:5");
    let mut changed = next();
    while changed["limits_from"].is_null() {
        changed = next();
    }
    assert_eq!(changed["stored_limits"][0]["capacity"], 5);
    let signal = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signal.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
