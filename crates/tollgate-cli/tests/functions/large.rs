//! The largest batch that an event source of Lambda can have.

use crate::{history::History, stage::Stage};

/// The memory of the function in a stack.
const MEMORY: u64 = 128 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_records_in_one_batch_fit_into_the_memory_of_the_function() {
    let stage = Stage::new().await;
    let history = History::busy(1, 50, 10_000);
    let source = stage.source().batch_size(10_000);
    let report = source.deliver(history.records.clone()).await;
    assert_eq!(
        (report.events, report.failed, report.partial),
        (1, 0, 0),
        "{:?}",
        report.log
    );
    println!("{} MB, {:?}", report.memory / 1_000_000, report.slowest);
    assert!(report.memory < MEMORY, "{} bytes", report.memory);
    stage.assert_counted(&history.consumed, "10 000").await;
}
