//! The open loop shows all waiting.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::time::Instant;
use tollgate_loadtest::{Load, LoadTest, Outcome, Reply, Report, from_fn, targets::HttpTarget};

use crate::server::serve;

const STALL: Duration = Duration::from_secs(1);

/// Serves a router that answers nothing between 0.5 s and 1.5 s after its first request.
async fn stalling() -> String {
    let first = Arc::new(std::sync::OnceLock::new());
    serve(Router::new().route(
        "/",
        get(move || {
            let begun = *first.get_or_init(Instant::now);
            async move {
                let since = begun.elapsed();
                let stall = Duration::from_millis(500)..Duration::from_millis(500) + STALL;
                if stall.contains(&since) {
                    tokio::time::sleep_until(begun + stall.end).await;
                }
            }
        }),
    ))
    .await
}

async fn test(load: Load) -> Report {
    let target = HttpTarget::new(&stalling().await).unwrap();
    LoadTest::new(load).run(target).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_of_the_server_is_seen_in_an_open_loop_and_hidden_in_a_closed_one() {
    let duration = 4 * STALL;
    let open = test(Load::rate(100.0).lasting(duration)).await;
    // A quarter of the calls came in the stall, and waited up to a second for its end.
    assert_eq!(open.counts.granted, 400, "{:?}", open.problems);
    assert!(
        open.percentile(0.99) > STALL / 2,
        "{:?}",
        open.percentile(0.99)
    );
    let slow = open.latency().count() - fast(&open, STALL / 5);
    assert!((50..=150).contains(&slow), "{slow}");

    // One user made one slow call: only one of about 400.
    let user = Load::users(1)
        .pause(Duration::from_millis(5))
        .lasting(duration);
    let closed = test(user).await;
    assert!(
        closed.percentile(0.99) < STALL / 2,
        "{:?}",
        closed.percentile(0.99)
    );
    assert!(closed.latency().max() > STALL / 2);
    let points = closed.timeline.points();
    let stalled = points.iter().map(|point| point.counts.granted).min();
    let usual = points.iter().map(|point| point.counts.granted).max();
    assert!(
        stalled < usual.map(|most| most / 2 + 20),
        "it shows as fewer calls: {points:?}"
    );
}

/// Returns the number of calls that were faster than a time.
fn fast(report: &Report, time: Duration) -> u64 {
    let latencies = report.latency();
    let count = latencies.count();
    let below = |number: &u64| {
        let share = *number as f64 / count as f64;
        latencies.percentile(share) < time
    };
    (1..=count).filter(below).count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_room_wait_and_are_counted() {
    // Each call takes a second, and two may be in flight: six of ten never begin.
    let target = from_fn(|_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Reply::granted()
    });
    let two = NonZeroU32::new(2).unwrap();
    let load = Load::rate(20.0).lasting(Duration::from_millis(1500));
    let report = LoadTest::new(load).max_in_flight(two).run(target).await;
    assert_eq!(report.counts.total(), 30);
    assert_eq!(report.counts.granted, 4, "{:?}", report.counts);
    assert_eq!(report.counts.unsent, 26);
    // The third call was due at 0.1 s, and began at 1 s. That is no delay of this process.
    let granted = &report.latencies[&Outcome::Granted];
    assert!(
        granted.max() > Duration::from_millis(1800),
        "{:?}",
        granted.max()
    );
    assert!(report.lag.count() <= 3, "{:?}", report.lag);
    // Unsent calls count with the time that they waited.
    assert_eq!(report.latency().count(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_load_make_each_call_once() {
    let load = Load::rate(200.0).lasting(Duration::from_secs(1));
    let calls = Arc::new([const { AtomicU64::new(0) }; 200]);
    let of = NonZeroU32::new(3).unwrap();
    let mut merged = Report::default();
    for index in 0..3 {
        let calls = calls.clone();
        let target = from_fn(move |call| {
            calls[usize::try_from(call.number).unwrap()].fetch_add(1, Ordering::Relaxed);
            async { Reply::granted() }
        });
        let test = LoadTest::new(load.clone()).part(index, of);
        merged.merge(&test.run(target).await);
    }
    assert!(calls.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    assert_eq!((merged.counts.granted, merged.processes), (200, 3));
    assert_eq!(merged.latency().count(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_stopped_has_the_report_so_far() {
    let target = from_fn(|_| async { Reply::granted() });
    let load = Load::rate(100.0).lasting(Duration::from_secs(3600));
    let running = LoadTest::new(load).start(target);
    while running.progress().counts.granted == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop();
    running.ended().await;
    let report = running.report();
    assert!(report.stopped && report.counts.granted > 0);
    assert!(
        report.measured < Duration::from_secs(600),
        "{:?}",
        report.measured
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_requests_ends_a_test() {
    let target = from_fn(|_| async { Reply::granted() });
    let load = Load::rate(1000.0).lasting(Duration::from_secs(3600));
    let report = LoadTest::new(load).requests(50).run(target).await;
    assert_eq!(report.counts.granted, 50);
    assert!(!report.stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_panics_is_an_error() {
    let target = from_fn(|call| async move {
        assert!(call.number % 2 == 0, "the panic of the test");
        Reply::granted()
    });
    let load = Load::rate(100.0).lasting(Duration::from_secs(1));
    let report = LoadTest::new(load).run(target).await;
    assert_eq!((report.counts.granted, report.counts.error), (50, 50));
}
