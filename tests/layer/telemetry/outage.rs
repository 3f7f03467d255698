//! Telemetry of a store that does not answer.

use std::time::Duration;

use tollgate::{RateLimiter, layer::OnUnavailable, limiter::LocalShare};
use tollgate_testkit::Fault;

use super::scrape::Recording;
use crate::world::{Remote, hello, layer, status, ten_tokens};

#[tokio::test]
async fn an_outage_is_counted() {
    let recording = Recording::start();
    let settings = RateLimiter::builder()
        .deadline(Duration::from_millis(200))
        .store_deadline(Duration::from_millis(200));
    let remote = Remote::with(settings).await;
    let block = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Block),
    ));
    let local = OnUnavailable::Local {
        share: LocalShare::one_of(2),
    };
    let local = hello(layer(&remote.limiter, ten_tokens().on_unavailable(local)));
    let allow = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Allow),
    ));
    assert_eq!(status(&block, "alice").await, 200);
    assert_eq!(recording.get("store_down", &[]), Some(0.0));

    remote.engine.stop().await;
    assert_eq!(status(&block, "alice").await, 503);
    for _ in 0..2 {
        assert_eq!(status(&allow, "alice").await, 200);
    }
    assert_eq!(
        recording.get("decisions_total", &[("outcome", "unavailable")]),
        Some(3.0)
    );
    assert_eq!(
        recording.get("degraded_decisions_total", &[("mode", "block")]),
        Some(1.0)
    );
    assert_eq!(
        recording.get("degraded_decisions_total", &[("mode", "allow")]),
        Some(2.0)
    );
    assert_eq!(status(&local, "alice").await, 200);
    assert_eq!(
        recording.get("degraded_decisions_total", &[("mode", "local")]),
        Some(1.0)
    );
    assert_eq!(
        recording.get("acquire_duration_seconds_count", &[("path", "local")]),
        Some(1.0)
    );
    assert_eq!(
        recording.get("acquire_duration_seconds_count", &[("path", "write")]),
        Some(1.0),
        "before it was down"
    );
    assert_eq!(recording.get("store_down", &[]), Some(1.0));

    remote.engine.resume().await;
    while status(&block, "alice").await != 200 {}
    assert_eq!(recording.get("store_down", &[]), Some(0.0));
}

/// Only the time during which the store fails is counted.
#[tokio::test]
async fn the_duration_of_an_outage_is_counted() {
    let recording = Recording::start();
    let deadline = Duration::from_millis(150);
    let remote = Remote::with(
        RateLimiter::builder()
            .deadline(deadline)
            .store_deadline(deadline),
    )
    .await;
    let app = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Block),
    ));
    let seconds = || recording.get("store_down_seconds_total", &[]);
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(seconds(), Some(0.0), "it is told that there was none");
    remote.proxy.set_fault(Fault::black_hole());
    // Each try takes as long as the deadline.
    let mut tries = 0;
    while seconds() < Some(1.0) {
        assert_eq!(status(&app, "alice").await, 503);
        tries += 1;
        assert!(tries < 200, "{:?}", seconds());
    }
    remote.proxy.clear_faults();
    while status(&app, "alice").await != 200 {}
    let after = seconds();
    // The store answers, so another second is not counted.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(status(&app, "bob").await, 200);
    assert_eq!(seconds(), after);
}
