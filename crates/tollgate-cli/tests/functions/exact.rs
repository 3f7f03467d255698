//! Sums under faults.

use std::time::Duration;

use tollgate_testkit::{ErrorAnswer, Fault, functions::Faults};

use crate::{history::History, stage::Stage};

/// Throttles, loses answers and delays writes, until it is dropped.
async fn disturb(stage: &Stage) {
    let mut rng = fastrand::Rng::with_seed(7);
    loop {
        let write = match rng.u32(..3) {
            0 => Fault::answer(ErrorAnswer::throughput_exceeded()).times(rng.u64(1..6)),
            1 => Fault::lose_response().times(rng.u64(1..6)),
            _ => Fault::delay(Duration::from_millis(rng.u64(1..40))).times(3),
        };
        stage.proxy.set_fault(write.on("UpdateItem"));
        tokio::time::sleep(Duration::from_millis(rng.u64(5..60))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_exact_whatever_is_killed_repeated_and_throttled() {
    let (mut killed, mut repeated) = (0, 0);
    for seed in 0..2 {
        let stage = Stage::new().await;
        let history = History::new(seed, 3, 150);
        let source = stage
            .source()
            .shards(3)
            .processes(4)
            .batch_size(10)
            .retries(50)
            .faults(Faults::new(seed).kill_one_in(4).repeat_one_in(3));
        let report = tokio::select! {
            report = source.deliver(history.records.clone()) => report,
            () = disturb(&stage) => unreachable!("it has no end"),
        };
        assert_eq!(report.dead_letters, [], "seed {seed}");
        killed += report.killed;
        repeated += report.repeated;
        stage
            .assert_counted(&history.consumed, &format!("seed {seed}"))
            .await;
    }
    assert!(killed > 0 && repeated > 0, "{killed} {repeated}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_take_turns_count_a_change_once() {
    // A process that has not seen the last batches of a shard must not take its own last one for the
    // last one that was counted.
    for seed in 10..13 {
        let stage = Stage::new().await;
        let history = History::new(seed, 2, 200);
        let source = stage.source().shards(2).processes(3).batch_size(5);
        let report = source
            .faults(Faults::new(seed))
            .deliver(history.records.clone())
            .await;
        assert_eq!((report.failed, report.partial), (0, 0), "{report:?}");
        stage
            .assert_counted(&history.consumed, &format!("seed {seed}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_table_in_use_is_followed() {
    let stage = Stage::new().await;
    let source = stage
        .source()
        .shards(2)
        .batch_window(Duration::from_millis(100));
    let traffic = async {
        for round in 1..4 {
            stage.consume(&["a", "b", "c"], &[round, 2, 3]).await;
        }
    };
    let report = source
        .follow(&stage.engine, crate::stage::STACK, traffic)
        .await;
    assert!(
        report.events > 0 && report.dead_letters.is_empty(),
        "{report:?}"
    );
    let consumed = stage.consumed().await;
    assert_eq!(consumed.len(), 6);
    stage.assert_counted(&consumed, "followed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_late_are_answered_before_the_process_is_killed() {
    let stage = Stage::new().await;
    let history = History::new(5, 3, 30);
    let function = stage.function().timeout(Duration::from_secs(2));
    stage
        .proxy
        .set_fault(Fault::black_hole().on("UpdateItem").times(8));
    let source = tollgate_testkit::functions::EventSource::new(function)
        .bisect(true)
        .retries(20)
        .record_age(Duration::from_secs(u32::MAX.into()));
    let report = source.deliver(history.records.clone()).await;
    assert_eq!((report.late, report.killed), (0, 0), "{:?}", report.log);
    assert!(report.failed + report.partial > 0, "{:?}", report.log);
    assert_eq!(report.dead_letters, []);
    stage.assert_counted(&history.consumed, "late").await;
}
