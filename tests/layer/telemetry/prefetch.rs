//! Metrics of prefetched tokens.

use std::time::Duration;

use tollgate::{Limit, limiter::Prefetch};

use super::scrape::Recording;
use crate::world::{self, hello, layer, status};

#[tokio::test]
async fn prefetched_tokens_are_counted_until_they_are_given_back() {
    let recording = Recording::start();
    let (limiter, clock) = world::gated();
    let limit = Limit::new("rpm", 10_000, 100, Duration::from_secs(1)).unwrap();
    let prefetch = Prefetch::new()
        .interval(Duration::from_millis(20))
        .lifetime(Duration::from_secs(60));
    let policy = world::per_user(limit.clone())
        .resource(tollgate::layer::keys::fixed("ahead"))
        .prefetch(prefetch);
    let app = hello(layer(&limiter, policy));
    let held = || {
        recording.get(
            "prefetch_held_tokens",
            &[("resource", "ahead"), ("limit", "rpm")],
        )
    };
    let chunks = |event| {
        recording
            .get("prefetch_chunks_total", &[("event", event)])
            .unwrap_or(0.0)
    };
    for _ in 0..50 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    while chunks("taken") == 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&app, "alice").await, 200);
    let served = recording
        .get("prefetch_requests_total", &[("result", "served")])
        .unwrap();
    let missed = recording
        .get("prefetch_requests_total", &[("result", "missed")])
        .unwrap();
    assert!(served >= 1.0 && missed >= 1.0, "{served} {missed}");
    assert_eq!(served + missed, 51.0);
    assert_eq!(
        recording.get("acquire_duration_seconds_count", &[("path", "prefetch")]),
        Some(served)
    );
    assert!(held() > Some(0.0), "{:?}", held());

    clock.advance(Duration::from_secs(1));
    limiter.shutdown().await;
    assert_eq!(held(), Some(0.0));
    assert!(chunks("idle") >= 1.0);
}
