//! Usage that the aggregator has written, read by both clients.

use serde_json::{Value, json};
use tollgate::{EntityId, Resource};

use super::peer::{Maker, table_or_skip};
use crate::records::usage::Aggregator;

async fn both_read_the_same(maker: Maker) {
    let mut table = table_or_skip!(maker);
    let status = table.ours.status().await;
    assert_eq!(status.compatibility(), Ok(()));
    let version = status.store.version.expect("a version record");
    assert_eq!(
        version.lambda_version.as_deref(),
        matches!(maker, Maker::Theirs).then_some("0.17.0")
    );

    let aggregator = Aggregator {
        client: table.engine.client(),
        namespace: status.store.namespace_id.unwrap().to_string(),
    };
    for (start, tokens) in [("2026-01-31T13:00:00Z", 5), ("2026-01-31T14:00:00Z", 7)] {
        aggregator
            .count(("u1", "api"), ("hourly", start), ("tpm", tokens))
            .await;
        aggregator
            .count(("u1", "api"), ("hourly", start), ("tpm#od", 1))
            .await;
    }
    for window in ["daily", "monthly"] {
        aggregator
            .count(("u1", "api"), (window, "2026-02-01T00:00:00Z"), ("tpm", 12))
            .await;
    }
    // Windows in the spelling of our aggregator.
    aggregator
        .count_at(
            "2026-01-30",
            ("u1", "api"),
            ("daily", "2026-01-30T00:00:00Z"),
            ("tpm", 3),
        )
        .await;
    aggregator
        .count_at(
            "2026-01",
            ("u1", "api"),
            ("monthly", "2026-01-01T00:00:00Z"),
            ("tpm", 4),
        )
        .await;

    let theirs = table
        .theirs
        .ask(json!({"op": "usage", "entity": "u1", "resource": "api"}))
        .await;
    let snapshots = table
        .ours
        .usage()
        .of_entity(EntityId::new("u1").unwrap())
        .resource(Resource::new("api").unwrap());
    let ours = snapshots.list().all().await.unwrap();
    let row = |snapshot: &Value| {
        let fields = ["window_type", "counters", "overdrawn", "total_events"]
            .map(|field| snapshot[field].clone());
        json!(fields)
    };
    let theirs: Vec<_> = theirs[0].as_array().unwrap().iter().map(row).collect();
    let row = |it: &tollgate::model::UsageSnapshot| {
        json!([it.window, it.counters, it.overdrawn, it.total_events])
    };
    let ours: Vec<_> = ours.iter().map(row).collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours.len(), 5);
}

#[tokio::test]
async fn both_clients_read_the_same_usage_on_a_table_of_ours() {
    both_read_the_same(Maker::Ours).await;
}

#[tokio::test]
async fn both_clients_read_the_same_usage_on_a_table_of_the_python_client() {
    both_read_the_same(Maker::Theirs).await;
}
