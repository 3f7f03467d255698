//! The store does not answer.

use std::time::{Duration, Instant};

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tollgate::{
    RateLimiter,
    layer::{LeaseHandle, OnUnavailable, RateLimitStatus},
    limiter::RateLimiterBuilder,
    model::{ConfigScope, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::Fault;

use super::{
    events::Events,
    world::{Remote, alices_tokens, ask, from, hello, layer, status, ten_tokens, text},
};

const DEADLINE: Duration = Duration::from_millis(200);

/// The time that a busy machine may take in addition to a deadline.
const SLACK: Duration = Duration::from_secs(2);

/// The store's own deadline is far away, so only the deadline of the acquire can end the wait.
fn impatient() -> RateLimiterBuilder {
    RateLimiter::builder()
        .deadline(DEADLINE)
        .store_deadline(Duration::from_secs(60))
}

#[tokio::test]
async fn a_store_that_is_stopped_leads_to_503() {
    let events = Events::collect();
    let remote = Remote::with(impatient()).await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    assert_eq!(status(&app, "alice").await, 200);
    remote.engine.stop().await;

    let asked = Instant::now();
    let response = ask(&app, from("alice")).await;
    assert!(asked.elapsed() < DEADLINE + SLACK);
    assert_eq!(response.status(), 503);
    assert_eq!(text(&response, "retry-after"), Some("1"));
    assert_eq!(text(&response, "cache-control"), Some("no-store"));
    assert_eq!(
        text(&response, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(text(&response, "ratelimit"), None);
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        json!({
            "type": "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
            "title": "The rate limiter is unavailable",
            "status": 503,
            "detail": "The rate limiter is unavailable. Please try again in 1s.",
        })
    );
    assert!(
        events.text().contains("limiter unavailable"),
        "{}",
        events.text()
    );

    remote.engine.resume().await;
    assert_eq!(status(&app, "alice").await, 200, "by itself");
    assert_eq!(
        alices_tokens(&remote.limiter).await,
        80,
        "the refused one charged nothing"
    );
}

#[tokio::test]
async fn a_store_that_never_answers_leads_to_503_at_the_deadline() {
    let remote = Remote::with(impatient()).await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    remote.proxy.set_fault(Fault::black_hole());
    for _ in 0..3 {
        let asked = Instant::now();
        assert_eq!(status(&app, "alice").await, 503);
        let waited = asked.elapsed();
        assert!(
            waited >= DEADLINE && waited < DEADLINE + SLACK,
            "{waited:?}"
        );
    }
    let others = Instant::now();
    let together = (0..20).map(|user| {
        let app = app.clone();
        tokio::spawn(async move { status(&app, &format!("user-{user}")).await })
    });
    for answer in together.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 503);
    }
    assert!(others.elapsed() < DEADLINE + SLACK, "all at once");
}

#[tokio::test]
async fn a_store_that_answers_again_is_used_again() {
    let remote = Remote::with(impatient().store_deadline(DEADLINE)).await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    remote.proxy.set_fault(Fault::black_hole());
    assert_eq!(status(&app, "alice").await, 503);
    remote.proxy.clear_faults();
    // Each try ends at its own deadline. Meanwhile, the limiter gives up the write that hangs.
    let mut tries = 0;
    while status(&app, "alice").await != 200 {
        tries += 1;
        assert!(tries < 20, "it does not recover");
    }
}

fn status_app() -> Router {
    let handler = async |lease: LeaseHandle, status: RateLimitStatus| {
        assert_eq!(lease.is_degraded(), status.degraded);
        // Adjusting a lease that charges nothing is not an error.
        lease.adjust("tpm", 5).unwrap();
        lease.adjust("tpm", -5).unwrap();
        Json(status)
    };
    Router::new().route("/", get(handler))
}

#[tokio::test]
async fn a_policy_can_allow_requests() {
    let events = Events::collect();
    let remote = Remote::with(impatient()).await;
    let app = status_app().layer(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Allow),
    ));
    let body = async || {
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), 200);
        let reported = response.headers().contains_key("ratelimit");
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        (reported, serde_json::from_slice::<Value>(&bytes).unwrap())
    };
    assert_eq!(body().await.1["degraded"], false);

    remote.engine.stop().await;
    let unknown = json!({"entity": null, "resource": null, "limits": [], "degraded": true});
    assert_eq!(body().await, (false, unknown));
    assert!(events.text().contains("allowed=true"), "{}", events.text());

    remote.engine.resume().await;
    let (reported, status) = body().await;
    assert!(reported && status["degraded"] == false);
    assert_eq!(status["limits"][0]["available"], 80);
}

#[tokio::test]
async fn an_allowed_request_has_no_other_layers_lease() {
    let remote = Remote::with(impatient()).await;
    let (outer, _) = super::world::memory();
    let app = status_app()
        .layer(layer(
            &remote.limiter,
            ten_tokens().on_unavailable(OnUnavailable::Allow),
        ))
        .layer(layer(&outer, ten_tokens()));
    remote.engine.stop().await;
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap()["degraded"],
        true
    );
    assert_eq!(
        alices_tokens(&outer).await,
        90,
        "the outer layer has decided, and charged"
    );
}

#[tokio::test]
async fn a_limiter_that_was_shut_down_leads_to_503() {
    let remote = Remote::with(impatient()).await;
    let app = hello(layer(&remote.limiter, ten_tokens()));
    remote.limiter.shutdown().await;
    assert_eq!(status(&app, "alice").await, 503);
}

#[tokio::test]
async fn a_memory_store_that_is_full_leads_to_503() {
    let limiter = RateLimiter::builder()
        .clock(super::world::clock())
        .build_memory(tollgate::store::MemoryStore::with_capacity(1));
    let app = hello(layer(&limiter, ten_tokens()));
    let mut answers = std::collections::BTreeMap::<u16, usize>::new();
    for user in 0..500 {
        *answers
            .entry(status(&app, &format!("user-{user}")).await)
            .or_default() += 1;
    }
    assert!(
        answers[&200] >= 1 && answers[&503] >= 1 && answers.len() == 2,
        "{answers:?}"
    );
}

#[tokio::test]
async fn the_stored_mode_is_used_if_the_policy_has_none() {
    let remote = Remote::with(impatient()).await;
    let stored = StoredConfig::new([]).with_on_unavailable(StoredOnUnavailable::Allow);
    remote
        .limiter
        .config()
        .set(ConfigScope::System, stored)
        .await
        .unwrap();
    let app = hello(layer(&remote.limiter, ten_tokens()));
    let strict = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Block),
    ));
    assert_eq!(status(&app, "alice").await, 200);
    remote.engine.stop().await;
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(status(&strict, "alice").await, 503);
}
