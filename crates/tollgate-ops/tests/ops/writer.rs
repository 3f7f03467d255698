//! Snapshots in the table that somebody else writes or deletes too.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use tollgate_ops::{
    record::{Item, Sequence},
    usage::{Chains, Change, Counters, ShardName, SnapshotWriter, WindowLength},
};
use tollgate_testkit::Engine;

use crate::stage::{STACK, Stage, number, text};

/// 2026-01-31T14:15:16Z.
const TIME: i64 = 1_769_868_916;
const KEY: (&str, &str) = ("ns/ENTITY#user-1", "#USAGE#api#2026-01-31T14:00:00Z");

/// Returns a batch with one change of the limit `rpm`, in millitokens.
fn batch(sequence: u32, before: Option<i64>, after: i64) -> Chains {
    let counters = |tokens| Counters::from([("rpm".to_owned(), tokens)]);
    let change = Change {
        sequence: Sequence::new(sequence.to_string()),
        time: TIME,
        before: before.map(counters),
        after: Some(counters(after)),
        replaced: false,
        expires_at: None,
        overdrawn: vec!["rpm".to_owned()],
    };
    let shard = ShardName::of_key("ns/BUCKET#user-1#api#0").unwrap();
    Chains::from([(shard, vec![change])])
}

fn writer(stage: &Stage) -> SnapshotWriter {
    let hours = BTreeSet::from([WindowLength::Hour]);
    SnapshotWriter::new(stage.engine.client(), STACK, hours, 90)
}

async fn snapshot(stage: &Stage) -> Item {
    let item = stage.engine.item(STACK, KEY.0, KEY.1).await;
    item.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_the_python_function_has_counted_stay() {
    let stage = Stage::new(Engine::start().await).await;
    let put = stage.engine.client().put_item().table_name(STACK);
    put.item("PK", S(KEY.0.into()))
        .item("SK", S(KEY.1.into()))
        .item("entity_id", S("user-1".into()))
        .item("resource", S("api".into()))
        .item("window", S("hourly".into()))
        .item("window_start", S("2026-01-31T14:00:00Z".into()))
        .item("rpm", N("7".into()))
        .item("total_events", N("2".into()))
        .item("ttl", N("1900000000".into()))
        .send()
        .await
        .unwrap();
    let mut writer = writer(&stage);
    writer.write(&batch(1, Some(7000), 8500)).await.unwrap();
    writer.write(&batch(2, Some(8500), 9000)).await.unwrap();
    let item = snapshot(&stage).await;
    assert_eq!(
        [
            number(&item, "rpm"),
            number(&item, "rpm#od"),
            number(&item, "total_events"),
            number(&item, "ttl")
        ],
        [Some(9), Some(2), Some(4), Some(1_900_000_000)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_was_deleted_begins_again_and_one_of_another_writer_is_kept() {
    let stage = Stage::new(Engine::start().await).await;
    let (mut one, mut other) = (writer(&stage), writer(&stage));
    one.write(&batch(1, None, 1500)).await.unwrap();
    // The other one reads the snapshot, and then knows less than the table.
    other.write(&batch(2, Some(1500), 2500)).await.unwrap();
    let refused = one.write(&batch(2, Some(1500), 2500)).await.unwrap();
    assert_eq!((refused.conflicts, refused.snapshots), (1, 0));
    let written = one.write(&batch(3, Some(2500), 3000)).await.unwrap();
    assert_eq!((written.conflicts, written.reads), (0, 0));
    assert_eq!(number(&snapshot(&stage).await, "rpm"), Some(3));
    let delete = stage.engine.client().delete_item().table_name(STACK);
    let delete = delete.key("PK", S(KEY.0.into())).key("SK", S(KEY.1.into()));
    delete.send().await.unwrap();
    one.write(&batch(4, Some(3000), 5000)).await.unwrap();
    let item = snapshot(&stage).await;
    assert_eq!(
        (number(&item, "rpm"), text(&item, "window")),
        (Some(2), "hourly")
    );
    // 90 days after the end of the hour.
    assert_eq!(
        number(&item, "ttl"),
        Some(1_769_868_000 + 3600 + 90 * 86_400)
    );
}
