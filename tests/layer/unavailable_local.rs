//! The store does not answer, and this process decides by its local share of the limits.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, routing::get};
use serde_json::Value;
use tollgate::{
    Limit, RateLimiter,
    layer::{
        InvalidPolicy, LeaseHandle, OnUnavailable, PolicyBuilder, RateLimitStatus, Refusal,
        RefusalReason,
    },
    limiter::{Breaker, LocalShare},
    model::{BreakerState, ConfigScope, StoredConfig, StoredOnUnavailable},
};

use super::{
    events::Events,
    world::{
        Remote, alices_tokens, ask, clock, from, hello, layer, per_user, status, ten_tokens, text,
    },
};

/// Half of 100 tokens a minute. A request costs 10.
fn half() -> PolicyBuilder {
    ten_tokens().on_unavailable(OnUnavailable::Local {
        share: LocalShare::one_of(2),
    })
}

async fn start() -> Remote {
    Remote::with(RateLimiter::builder().deadline(Duration::from_millis(500))).await
}

#[tokio::test]
async fn requests_are_granted_up_to_the_share_and_clients_are_told() {
    let events = Events::collect();
    let remote = start().await;
    let app = hello(layer(&remote.limiter, half()));
    assert_eq!(status(&app, "alice").await, 200);
    remote.engine.stop().await;
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(text(&response, "ratelimit"), Some(r#""tpm";r=40;t=12"#));
    for _ in 0..4 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 429);
    // 50 tokens a minute.
    assert_eq!(text(&response, "retry-after"), Some("12"));
    assert_eq!(status(&app, "bob").await, 200);
    assert!(
        events.text().contains("decided locally"),
        "{}",
        events.text()
    );
    assert!(events.text().contains("degraded=true"), "{}", events.text());

    remote.engine.resume().await;
    assert_eq!(status(&app, "alice").await, 200);
    assert_eq!(
        alices_tokens(&remote.limiter).await,
        80,
        "what was granted here is not charged there"
    );
}

/// Tokens that this process granted while the store was down are settled locally, even after the
/// store came back.
#[tokio::test]
async fn a_settlement_after_the_store_came_back_stays_local() {
    let remote = start().await;
    let held = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let held = held.clone();
        async move |lease: LeaseHandle| held.lock().unwrap().push(lease)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&remote.limiter, half()));
    assert_eq!(status(&app, "alice").await, 200);
    remote.engine.stop().await;
    for _ in 0..2 {
        assert_eq!(status(&app, "alice").await, 200);
    }
    remote.engine.resume().await;
    let [by_the_store, given_back, used_up] =
        <[_; 3]>::try_from(std::mem::take(&mut *held.lock().unwrap())).unwrap();
    assert_eq!(
        [&by_the_store, &given_back, &used_up].map(LeaseHandle::is_degraded),
        [false, true, true]
    );
    given_back.settle("tpm", 0).unwrap();
    used_up.settle("tpm", 45).unwrap();
    drop((given_back, used_up));
    assert_eq!(
        alices_tokens(&remote.limiter).await,
        90,
        "neither given back nor charged there"
    );
    by_the_store.settle("tpm", 0).unwrap();
    drop(by_the_store);
    assert_eq!(
        alices_tokens(&remote.limiter).await,
        100,
        "what it has granted is settled with it"
    );
    // The local bucket granted 10 and 45 of its 50 tokens, and got the 10 back.
    remote.engine.stop().await;
    assert_eq!(status(&app, "alice").await, 429);
    assert_eq!(held.lock().unwrap().len(), 0);
}

/// Custom answers can distinguish a local denial from a denial by the store.
#[tokio::test]
async fn a_custom_answer_can_tell_a_local_denial() {
    let remote = start().await;
    let answer = |refusal: Refusal<'_>| {
        let RefusalReason::Denied(denied) = refusal.reason else {
            panic!("{refusal:?}")
        };
        let mut response = refusal.response;
        response
            .headers_mut()
            .insert("x-degraded", denied.degraded.to_string().parse().unwrap());
        response
    };
    let app = hello(layer(&remote.limiter, half().answer(answer)));
    let denial = async |user| {
        for _ in 0..10 {
            let response = ask(&app, from(user)).await;
            if response.status() == 429 {
                return text(&response, "x-degraded").map(str::to_owned);
            }
        }
        ask(&app, from(user)).await;
        text(&ask(&app, from(user)).await, "x-degraded").map(str::to_owned)
    };
    assert_eq!(denial("alice").await.as_deref(), Some("false"));
    remote.engine.stop().await;
    assert_eq!(denial("bob").await.as_deref(), Some("true"));
}

#[tokio::test]
async fn a_local_lease_says_so_and_settles_locally() {
    let remote = start().await;
    let handler = async |lease: LeaseHandle, status: RateLimitStatus| {
        assert_eq!(lease.is_degraded(), status.degraded);
        lease.settle("tpm", 30).unwrap();
        lease.consume("tpm", 5).await.unwrap();
        Json(lease.status())
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&remote.limiter, half()));
    let status = async || {
        let body = ask(&app, from("alice")).await.into_body();
        let bytes = axum::body::to_bytes(body, 10_000).await.unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(status().await["degraded"], false);
    remote.engine.stop().await;
    let status = status().await;
    assert_eq!(
        (&status["degraded"], &status["entity"]),
        (&Value::from(true), &Value::from("alice"))
    );
    assert_eq!(status["limits"][0]["limit"]["capacity"], 50);
    assert_eq!(status["limits"][0]["available"], 15);
}

#[tokio::test]
async fn a_request_that_cannot_be_decided_locally_is_blocked_whatever_is_stored() {
    let remote = start().await;
    let stored = StoredConfig::new([]).with_on_unavailable(StoredOnUnavailable::Allow);
    remote
        .limiter
        .config()
        .set(ConfigScope::System, stored)
        .await
        .unwrap();
    let big = hello(layer(&remote.limiter, half().cost("tpm", 51)));
    assert_eq!(status(&big, "alice").await, 200);
    remote.engine.stop().await;
    // Alice's bucket is known to be short, so the test uses bob, whose request needs the store.
    let response = ask(&big, from("bob")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (503, Some("1"))
    );
}

#[tokio::test]
async fn requests_are_decided_by_stored_and_by_default_limits() {
    let remote = start().await;
    let policy = || {
        let keys =
            tollgate::layer::Policy::builder().entity(tollgate::layer::keys::header("x-user"));
        let keys = keys.resource(tollgate::layer::keys::fixed("api"));
        keys.on_unavailable(OnUnavailable::Local {
            share: LocalShare::percent(50),
        })
    };
    remote
        .limiter
        .config()
        .set(ConfigScope::system(), Limit::per_minute("rpm", 4))
        .await
        .unwrap();
    let stored = hello(layer(&remote.limiter, policy()));
    let default = hello(layer(
        &remote.limiter,
        policy().default_limit(Limit::per_minute("rpm", 8)),
    ));
    assert_eq!(status(&stored, "alice").await, 200);
    remote.engine.stop().await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(status(&stored, "alice").await);
    }
    assert_eq!(answers, [200, 200, 429]);
    assert_eq!(status(&stored, "bob").await, 503, "nothing is known of him");
    let response = ask(&default, from("bob")).await;
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""rpm";q=4;w=60"#)
    );
}

#[tokio::test]
async fn requests_are_decided_at_once_behind_an_open_breaker() {
    let clock = clock();
    let settings = RateLimiter::builder()
        .clock(clock.clone())
        .deadline(Duration::from_secs(20));
    let remote = Remote::exactly(settings.breaker(Breaker::new().failures(2))).await;
    let app = hello(layer(&remote.limiter, half()));
    let strict = hello(layer(
        &remote.limiter,
        ten_tokens().on_unavailable(OnUnavailable::Block),
    ));
    assert_eq!(status(&app, "alice").await, 200);
    remote.engine.stop().await;
    while remote.limiter.breaker_state() == BreakerState::Closed {
        assert_eq!(status(&strict, "alice").await, 503);
    }
    let calls = remote.proxy.counts();
    assert_eq!(
        (status(&strict, "alice").await, status(&app, "alice").await),
        (503, 200)
    );
    assert_eq!(remote.proxy.counts(), calls);
    remote.engine.resume().await;
    clock.advance(Duration::from_secs(2));
    assert_eq!(status(&strict, "alice").await, 200, "by itself");
    assert_eq!(remote.limiter.breaker_state(), BreakerState::Closed);
}

#[test]
fn the_local_share_is_checked() {
    for share in [
        LocalShare::one_of(0),
        LocalShare::percent(0),
        LocalShare::percent(101),
    ] {
        let policy =
            per_user(Limit::per_minute("rpm", 1)).on_unavailable(OnUnavailable::Local { share });
        assert_eq!(policy.build().unwrap_err(), InvalidPolicy::Share);
    }
}
