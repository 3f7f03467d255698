//! Several writers that count parts of the same stream in turn.

use std::collections::BTreeSet;

use tollgate_ops::{
    record::Sequence,
    usage::{Chains, Change, Counters, ShardName, SnapshotWriter, WindowLength},
};
use tollgate_testkit::Engine;

use crate::stage::{STACK, Stage};

/// 2026-01-31T14:59:00Z.
const TIME: i64 = 1_769_871_540;

/// Returns a batch with one change, which consumes a token.
fn batch(sequence: i64, time: i64) -> Chains {
    let counters = |tokens| Counters::from([("rpm".to_owned(), tokens * 1000)]);
    let change = Change {
        sequence: Sequence::new(format!("{sequence:021}")),
        time,
        before: (sequence > 1).then(|| counters(sequence - 1)),
        after: Some(counters(sequence)),
        replaced: false,
        expires_at: None,
        overdrawn: Vec::new(),
    };
    let shard = ShardName::of_key("ns/BUCKET#user-1#api#0").unwrap();
    Chains::from([(shard, vec![change])])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_writer_asks_the_table_what_others_have_counted() {
    let stage = Stage::new(Engine::start().await).await;
    let hours = BTreeSet::from([WindowLength::Hour]);
    let writer = || SnapshotWriter::new(stage.engine.client(), STACK, hours.clone(), 90).shared();
    let (mut one, mut other) = (writer(), writer());
    one.write(&batch(1, TIME)).await.unwrap();
    for sequence in 2..5 {
        other.write(&batch(sequence, TIME)).await.unwrap();
    }
    // The next hour begins, and the first writer has seen one change of four.
    one.write(&batch(5, TIME + 600)).await.unwrap();
    let counted = stage.counted("hourly").await;
    assert_eq!(counted.values().sum::<i64>(), 5000, "{counted:?}");
}
