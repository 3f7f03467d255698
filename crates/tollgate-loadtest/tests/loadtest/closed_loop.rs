//! The closed loop.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tollgate_loadtest::{Load, LoadTest, Reply, from_fn};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn each_user_has_one_call_at_a_time_and_pauses_after_it() {
    let (now, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (in_flight, highest) = (now.clone(), most.clone());
    let target = from_fn(move |_| {
        let (now, most) = (now.clone(), most.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Reply::granted()
        }
    });
    let load = Load::users(5).pause(Duration::from_secs(2)).lasting(MINUTE);
    let report = LoadTest::new(load).run(target).await;
    assert_eq!(
        (
            highest.load(Ordering::SeqCst),
            in_flight.load(Ordering::SeqCst)
        ),
        (5, 0)
    );
    // A call every three seconds, and of the last one only the pause is cut off.
    assert_eq!(report.counts.granted, 5 * 20);
    assert!(!report.open_loop);
    assert!(report.lag.count() > 5000, "measured all 10 ms");
    assert_eq!(report.measured, MINUTE);
}

#[tokio::test(start_paused = true)]
async fn denials_are_waited_for_only_if_that_is_asked_for() {
    let run = |obeys| {
        let target = from_fn(|_| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Reply::denied(Some(Duration::from_secs(10)))
        });
        let load = Load::users(1).lasting(MINUTE);
        LoadTest::new(load).obey_retry_after(obeys).run(target)
    };
    assert_eq!(run(false).await.counts.denied, 6000);
    let obedient = run(true).await;
    assert_eq!(obedient.counts.denied, 6);
    assert_eq!(obedient.retry_after.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_ends_is_a_timeout_with_the_time_that_it_took() {
    let target = from_fn(|_| std::future::pending());
    let load = Load::users(2).lasting(MINUTE);
    let report = LoadTest::new(load)
        .timeout(Duration::from_secs(5))
        .run(target)
        .await;
    assert_eq!(report.counts.timeout, 2 * 12);
    assert!(report.percentile(0.5) >= Duration::from_secs(5));
    assert_eq!(report.failure_share(), 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_warm_up_is_left_out_of_the_figures_and_counted() {
    let target = from_fn(|call| async move {
        let slow = if call.number < 10 { 900 } else { 0 };
        tokio::time::sleep(Duration::from_millis(100 + slow)).await;
        Reply::granted()
    });
    let load = Load::users(1).lasting(MINUTE);
    let warm_up = Duration::from_secs(10);
    let report = LoadTest::new(load).warm_up(warm_up).run(target).await;
    assert_eq!(report.warm_up.granted, 10);
    assert_eq!(report.counts.granted, 500);
    assert!(report.latency().max() < Duration::from_millis(200));
    assert_eq!(report.measured, MINUTE - warm_up);
    assert!((report.rate() - 10.0).abs() < 0.01, "{}", report.rate());
}

#[tokio::test(start_paused = true)]
async fn parts_share_users_and_requests() {
    let load = Load::users(5).lasting(MINUTE);
    let mut calls = 0;
    for index in 0..3 {
        let target = from_fn(|_| async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Reply::granted()
        });
        let test = LoadTest::new(load.clone()).requests(100);
        let of = NonZeroU32::new(3).unwrap();
        calls += test.part(index, of).run(target).await.counts.granted;
    }
    assert_eq!(calls, 100);
}
