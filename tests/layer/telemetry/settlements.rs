//! What leases really cost.

use axum::response::IntoResponse;
use tollgate::{RateLimiter, layer::Settle};

use super::scrape::Recording;
use crate::world::{self, app, ask, from, layer, ten_tokens, tokens};

fn settled(recording: &Recording, direction: &str) -> Option<f64> {
    let labels = [("resource", "api"), ("limit", "tpm"), ("direction", direction)];
    recording.get("settled_tokens_total", &labels)
}

async fn asked(limiter: &RateLimiter, used: &'static str) {
    let policy = ten_tokens().settle("tpm", Settle::header("x-used"));
    let app = app(layer(limiter, policy), move || ([("x-used", used)], "hello").into_response());
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}

async fn corrections(limiter: RateLimiter) {
    let recording = Recording::start();
    asked(&limiter, "10").await;
    assert_eq!((settled(&recording, "up"), settled(&recording, "down")), (None, None), "as estimated");
    asked(&limiter, "30").await;
    asked(&limiter, "4").await;
    assert_eq!((settled(&recording, "up"), settled(&recording, "down")), (Some(20.0), Some(6.0)));
    drop(limiter.acquire("alice", "api").limits(tokens()).cost("tpm", 5).await.unwrap());
    assert_eq!(settled(&recording, "down"), Some(11.0), "rolled back");
}

#[tokio::test]
async fn corrections_in_memory() {
    corrections(world::memory().0).await;
}

#[tokio::test]
async fn corrections_through_gates() {
    corrections(world::gated().0).await;
}

#[tokio::test]
async fn values_that_say_nothing() {
    let recording = Recording::start();
    let (limiter, _) = world::memory();
    for used in ["many", "99999999999999999999", "-1"] {
        asked(&limiter, used).await;
    }
    let ignored = |reason| recording.get("settle_values_ignored_total", &[("limit", "tpm"), ("reason", reason)]);
    assert_eq!((ignored("malformed"), ignored("too_large")), (Some(2.0), Some(1.0)));
    assert_eq!(settled(&recording, "up"), None);
}

#[tokio::test]
async fn that_are_dropped() {
    let recording = Recording::start();
    let limiter = RateLimiter::builder().clock(world::clock()).build(tollgate::store::MemoryStore::new()).unwrap();
    let mut lease = limiter.acquire("alice", "api").limits(tokens()).cost("tpm", 10).await.unwrap();
    limiter.entities().delete(lease.entity()).await.unwrap();
    lease.settle("tpm", 20).unwrap();
    lease.commit().await.unwrap_err();
    assert_eq!(recording.get("settlements_dropped_total", &[("reason", "gone")]), Some(1.0));
}
