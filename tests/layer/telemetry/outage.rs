//! The store does not answer.

use std::time::Duration;

use tollgate::{RateLimiter, layer::OnUnavailable};

use super::scrape::Recording;
use crate::world::{Remote, hello, layer, status, ten_tokens};

#[tokio::test]
async fn is_seen() {
    let recording = Recording::start();
    let settings =
        RateLimiter::builder().deadline(Duration::from_millis(200)).store_deadline(Duration::from_millis(200));
    let remote = Remote::with(settings).await;
    let block = hello(layer(&remote.limiter, ten_tokens().on_unavailable(OnUnavailable::Block)));
    let allow = hello(layer(&remote.limiter, ten_tokens().on_unavailable(OnUnavailable::Allow)));
    assert_eq!(status(&block, "alice").await, 200);
    assert_eq!(recording.get("store_down", &[]), Some(0.0));

    remote.engine.stop().await;
    assert_eq!(status(&block, "alice").await, 503);
    for _ in 0..2 {
        assert_eq!(status(&allow, "alice").await, 200);
    }
    assert_eq!(recording.get("decisions_total", &[("outcome", "unavailable")]), Some(3.0));
    assert_eq!(recording.get("degraded_decisions_total", &[("mode", "block")]), Some(1.0));
    assert_eq!(recording.get("degraded_decisions_total", &[("mode", "allow")]), Some(2.0));
    assert_eq!(recording.get("store_down", &[]), Some(1.0));

    remote.engine.resume().await;
    while status(&block, "alice").await != 200 {}
    assert_eq!(recording.get("store_down", &[]), Some(0.0));
}
