//! Loads that change.

use std::time::Duration;

use tollgate_loadtest::{Load, LoadTest, Reply, from_fn};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn users_come_and_go_with_the_level() {
    let target = from_fn(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Reply::granted()
    });
    let load = Load::users(10)
        .ramp(10 * SECOND)
        .lasting(5 * SECOND)
        .change(0.0, 10 * SECOND);
    let report = LoadTest::new(load).run(target).await;
    let granted: Vec<u64> = report
        .timeline
        .points()
        .iter()
        .map(|point| point.counts.granted)
        .collect();
    assert_eq!(
        granted[0], 0,
        "the first user comes after a second: {granted:?}"
    );
    for (second, expected) in [(2, 20), (5, 50), (12, 100), (16, 85), (20, 45)] {
        assert!(
            granted[second].abs_diff(expected) <= 15,
            "{second}: {granted:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_loop_ramps_up() {
    let target = from_fn(|_| async { Reply::granted() });
    let load = Load::rate(400.0).ramp(SECOND).lasting(SECOND);
    let report = LoadTest::new(load).warm_up(SECOND).run(target).await;
    assert_eq!((report.warm_up.granted, report.counts.granted), (200, 400));
}
