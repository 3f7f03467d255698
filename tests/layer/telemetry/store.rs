//! Metrics of store calls and their cost.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{Limit, RateLimiter, store::MemoryStore};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::scrape::Recording;
use crate::world::{self, Remote, alices_tokens, hello, layer, status, ten_tokens};

#[tokio::test]
async fn store_calls_are_counted_as_the_table_saw_them() {
    let recording = Recording::start();
    let remote = Remote::start().await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    for _ in 0..3 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    let calls = |call| recording.get("store_calls_total", &[("call", call), ("result", "ok")]);
    assert_eq!(calls("look_up"), Some(1.0));
    assert_eq!(calls("create"), Some(1.0));
    assert_eq!(calls("update"), Some(2.0));
    assert_eq!(recording.get("store_calls_total", &[]), Some(4.0));
    assert_eq!(
        recording.get("store_call_duration_seconds_count", &[("call", "update")]),
        Some(2.0)
    );
    let units = |call| {
        recording
            .get("write_units_total", &[("call", call)])
            .unwrap()
    };
    // The table decides the cost of a write: one unit, or more if it has indexes.
    assert!(
        units("create") >= 1.0 && units("update") >= 2.0,
        "{:?}",
        recording.samples()
    );
    assert_eq!(recording.get("store_down", &[]), Some(0.0));
    assert!(recording.get("gates", &[]) >= Some(1.0));
}

/// The units match what the table has reported.
#[tokio::test]
async fn store_calls_cost_what_the_table_reports() {
    let recording = Recording::start();
    let remote = Remote::start().await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    assert_eq!(status(&app, "alice").await, 200);
    let before = recording.get("write_units_total", &[("call", "update")]);
    assert_eq!(before, None);
    remote.proxy.set_fault(
        Fault::answer(ErrorAnswer::throttling())
            .on("UpdateItem")
            .times(2),
    );
    assert_eq!(status(&app, "alice").await, 200, "tried again");
    let busy = recording.get(
        "store_calls_total",
        &[("call", "update"), ("result", "busy")],
    );
    assert_eq!(busy, Some(2.0));
    assert_eq!(
        recording.get("store_retries_total", &[("reason", "busy")]),
        Some(2.0)
    );
    let units = || {
        recording
            .get("write_units_total", &[("call", "update")])
            .unwrap()
    };
    let once = units();
    assert!(once >= 1.0);
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(units(), 2.0 * once, "throttled writes are free");

    // An item larger than a kilobyte.
    let long = "a".repeat(250);
    assert_eq!(status(&app, &long).await, 200);
    let before = units();
    assert_eq!(status(&app, &long).await, 200);
    assert!(
        units() - before > once,
        "{} for a large item, {once} for a small one",
        units() - before
    );
}

#[tokio::test]
async fn lost_store_calls_are_counted() {
    let recording = Recording::start();
    let remote = Remote::start().await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    assert_eq!(status(&app, "alice").await, 200);
    remote
        .proxy
        .set_fault(Fault::lose_response().on("UpdateItem").once());
    assert_eq!(
        status(&app, "alice").await,
        200,
        "the second one tells that the first has landed"
    );
    assert_eq!(
        recording.get(
            "store_calls_total",
            &[("call", "update"), ("result", "unknown")]
        ),
        Some(1.0)
    );
    assert_eq!(
        recording.get("store_retries_total", &[("reason", "lost_answer")]),
        Some(1.0)
    );
    assert_eq!(alices_tokens(&remote.limiter).await, 80);
}

/// The clock of another process was an hour ahead.
#[tokio::test]
async fn corrected_refill_times_are_counted() {
    let recording = Recording::start();
    let remote = Remote::exactly(RateLimiter::builder().deadline(Duration::from_secs(20))).await;
    let acquire = async |limiter: &RateLimiter| {
        let acquire = limiter
            .acquire("alice", "api")
            .limits(ten_requests())
            .without_parent();
        acquire.await.unwrap().commit().await.unwrap();
    };
    acquire(&remote.limiter).await;
    assert_eq!(recording.get("refill_times_ahead_total", &[]), None);

    let client = remote.engine.client();
    let items = client
        .scan()
        .table_name("zae-limiter")
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    let mut bucket = items
        .into_iter()
        .find(|item| item.contains_key("rf"))
        .unwrap();
    let rf: i64 = bucket["rf"].as_n().unwrap().parse().unwrap();
    bucket.insert("rf".into(), AttributeValue::N((rf + 3_600_000).to_string()));
    client
        .put_item()
        .table_name("zae-limiter")
        .set_item(Some(bucket))
        .send()
        .await
        .unwrap();
    let other = RateLimiter::open()
        .client(remote.proxy.client())
        .await
        .unwrap();
    acquire(&other).await;
    assert_eq!(recording.get("refill_times_ahead_total", &[]), Some(1.0));
    acquire(&other).await;
    assert_eq!(
        recording.get("refill_times_ahead_total", &[]),
        Some(1.0),
        "it is right by then"
    );
}

fn ten_requests() -> Limit {
    Limit::per_hour("requests", 10)
}

#[tokio::test]
async fn writes_that_lose_to_others_are_counted() {
    let recording = Recording::start();
    let store = MemoryStore::new();
    let limiter = || {
        RateLimiter::builder()
            .clock(world::clock())
            .build(store.clone())
            .unwrap()
    };
    let (ours, theirs) = (limiter(), limiter());
    let limit = Limit::per_hour("rph", 2);
    ours.acquire("alice", "api")
        .limits(limit.clone())
        .await
        .unwrap()
        .commit();
    theirs
        .acquire("alice", "api")
        .limits(limit.clone())
        .await
        .unwrap()
        .commit();
    // As far as this limiter knows, one token is left.
    ours.acquire("alice", "api")
        .limits(limit)
        .await
        .unwrap_err();
    assert_eq!(
        recording.get("store_calls_total", &[("result", "refused")]),
        recording.get("store_retries_total", &[("reason", "condition")])
    );
    assert!(recording.get("store_retries_total", &[("reason", "condition")]) >= Some(1.0));
    assert_eq!(
        recording.get("write_units_total", &[]),
        None,
        "memory has none"
    );
}
