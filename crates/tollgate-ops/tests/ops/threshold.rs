//! Thresholds that the use in a window reaches.

use std::collections::BTreeSet;

use tollgate_ops::{follow::Progress, usage::WindowLength};
use tollgate_testkit::Engine;

use crate::stage::{Stage, options};

/// Counts, and returns the length of the window, the limit and the threshold of each event.
async fn told(stage: &Stage) -> Vec<(WindowLength, String, u32)> {
    let mut options = options();
    options.windows = BTreeSet::from([WindowLength::Day]);
    options.warn_at = BTreeSet::from([1, 2]);
    let (totals, reports) = stage.once(&options).await;
    totals.unwrap();
    let crossed = reports.into_iter().filter_map(|progress| match progress {
        Progress::Crossed(crossing) => {
            assert_eq!(crossing.snapshot.entity, "user-1");
            // A full bucket, and a day's refill.
            assert_eq!(crossing.allowed, 1_000_000 * 1441);
            assert!(crossing.used * 100 >= crossing.allowed * i64::from(crossing.threshold));
            let length = crossing.snapshot.window.length;
            Some((length, crossing.limit, crossing.threshold))
        }
        _ => None,
    });
    crossed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_is_told_once_for_each_window() {
    let mut stage = Stage::new(Engine::start().await).await;
    let of = |threshold| (WindowLength::Day, "tpm".to_owned(), threshold);
    stage.consume("user-1", "api", &[500_000]).await;
    assert_eq!(told(&stage).await, []);
    // One percent of a day is more than a bucket holds at once.
    let debt = stage.limiter.acquire("user-1", "api").limits([
        tollgate::Limit::per_minute("rpm", 1_000_000),
        tollgate::Limit::per_minute("tpm", 1_000_000),
    ]);
    let mut lease = debt.cost("rpm", 1).cost("tpm", 1).await.unwrap();
    lease.adjust("tpm", 15_000_000).unwrap();
    lease.commit();
    stage.consume("user-2", "api", &[1]).await;
    assert_eq!(told(&stage).await, [of(1)]);
    assert_eq!(told(&stage).await, []);
    assert_eq!(stage.counted("daily").await, stage.consumed().await);
}
