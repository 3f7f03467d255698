//! Handlers that acquire themselves, and that return a denial as their answer.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use http::StatusCode;
use serde_json::Value;
use tollgate::{
    Cost, Error, Limit, RateLimiter,
    error::Invalid,
    extract::MissingLayer,
    layer::{
        BoundLimiter, LeaseHandle, OnUnavailable, Outcome, PolicyBuilder, RateLimitStatus, Settle,
        ShadowVerdict, keys,
    },
};

use super::{
    events::Events,
    world::{
        Remote, alices_tokens, ask, from, gated, layer, memory, ten_tokens, text, with_headers,
    },
};

fn bound() -> PolicyBuilder {
    ten_tokens().acquire_in_handler()
}

/// Acquires what the header `x-cost` says, or else what the policy says.
async fn asks(limiter: BoundLimiter, headers: http::HeaderMap) -> Result<&'static str, Error> {
    let limiter = match headers.get("x-cost") {
        Some(cost) => limiter.cost("tpm", cost.to_str().unwrap().parse().unwrap()),
        None => limiter,
    };
    let lease = limiter.acquire().await?;
    assert!(lease.consumed("tpm").is_some());
    Ok("done")
}

fn app(limiter: &RateLimiter, policy: PolicyBuilder) -> Router {
    Router::new()
        .route("/", get(asks))
        .layer(layer(limiter, policy))
}

fn costing(cost: &str) -> http::Request<axum::body::Body> {
    with_headers(&[("x-user", b"alice"), ("x-cost", cost.as_bytes())])
}

async fn acquires_when_it_knows(limiter: RateLimiter) {
    let app = app(&limiter, bound());
    let response = ask(&app, costing("35")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "ratelimit")),
        (200, Some(r#""tpm";r=65;t=21"#))
    );
    assert_eq!(alices_tokens(&limiter).await, 65);
    // The cost of the policy.
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 55);

    let response = ask(&app, costing("60")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (429, Some("3"))
    );
    assert_eq!(text(&response, "ratelimit"), Some(r#""tpm";r=55;t=3"#));
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""tpm";q=100;w=60"#)
    );
    assert_eq!(
        text(&response, "content-type"),
        Some("application/problem+json")
    );
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap()["violated-policies"][0],
        "tpm"
    );
    let response = ask(&app, costing("101")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (429, None)
    );
    assert_eq!(alices_tokens(&limiter).await, 55);
}

#[tokio::test]
async fn a_handler_acquires_itself_in_memory() {
    acquires_when_it_knows(memory().0).await;
}

#[tokio::test]
async fn a_handler_acquires_itself_through_gates() {
    acquires_when_it_knows(gated().0).await;
}

#[tokio::test]
async fn a_handler_acquires_itself_over_dynamodb() {
    acquires_when_it_knows(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_handler_that_does_not_acquire_is_not_charged() {
    let (limiter, _) = memory();
    let handler = async |_: BoundLimiter, lease: LeaseHandle| {
        assert_eq!(lease.consumed("tpm"), None);
        assert_eq!(lease.adjust("tpm", 1).unwrap_err(), Invalid::LeaseClosed);
        assert!(!lease.is_degraded() && lease.status().limits.is_empty());
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, bound()));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "ratelimit")),
        (200, None)
    );
    assert_eq!(alices_tokens(&limiter).await, 100);
}

#[tokio::test]
async fn a_lease_that_a_handler_acquired_is_settled_as_any_lease() {
    let (limiter, _) = memory();
    let handler = async |limiter: BoundLimiter| {
        limiter.acquire().await.unwrap();
        [("x-used", "33")]
    };
    let policy = bound().settle("tpm", Settle::header("x-used"));
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    assert_eq!(
        text(&ask(&app, from("alice")).await, "ratelimit"),
        Some(r#""tpm";r=67;t=20"#)
    );
    assert_eq!(alices_tokens(&limiter).await, 67);
}

#[tokio::test]
async fn a_handler_acquires_once() {
    let (limiter, _) = memory();
    let handler = async |one: BoundLimiter, other: BoundLimiter| -> Result<(), Error> {
        let lease = one.acquire().await?;
        let error = other.acquire().await.unwrap_err();
        assert!(
            matches!(error, Error::Invalid(Invalid::LeaseHeld)),
            "{error:?}"
        );
        lease.consume("tpm", 5).await
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, bound()));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 85);
}

#[tokio::test]
async fn an_error_of_the_handlers_own_keeps_the_charge_unless_the_policy_gives_it_back() {
    for (policy, left) in [(bound(), 90), (bound().refund_server_errors(), 100)] {
        let (limiter, _) = memory();
        let handler = async |limiter: BoundLimiter| -> Result<(), StatusCode> {
            limiter.acquire().await.unwrap();
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(layer(&limiter, policy));
        assert_eq!(ask(&app, from("alice")).await.status(), 500);
        assert_eq!(alices_tokens(&limiter).await, left);
    }
}

#[tokio::test]
async fn a_panic_keeps_the_charge_unless_the_policy_gives_it_back_and_a_late_acquire_too() {
    panics_with(bound(), 90, |late| {
        matches!(late, Err(Error::Invalid(Invalid::LeaseHeld)))
    })
    .await;
    let refund = bound().on_panic(Outcome::Refund);
    panics_with(refund, 100, |late| {
        matches!(late, Err(Error::Invalid(Invalid::LeaseClosed)))
    })
    .await;
}

async fn panics_with(
    policy: PolicyBuilder,
    left: i64,
    is_refused: fn(Result<LeaseHandle, Error>) -> bool,
) {
    let (limiter, _) = memory();
    let kept = Arc::new(std::sync::Mutex::new(None));
    let handler = {
        let kept = kept.clone();
        move |limiter: BoundLimiter| {
            let kept = kept.clone();
            async move {
                *kept.lock().unwrap() = Some(limiter.clone());
                limiter.acquire().await.unwrap();
                panic!("the handler's")
            }
        }
    };
    let handler = move |limiter| {
        let handler = handler.clone();
        async move {
            handler(limiter).await;
        }
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    let panicked = tokio::spawn(async move { ask(&app, from("alice")).await.status() }).await;
    assert!(panicked.is_err());
    let late = kept.lock().unwrap().take().unwrap();
    assert!(is_refused(late.acquire().await));
    assert_eq!(alices_tokens(&limiter).await, left);
}

#[tokio::test]
async fn the_last_handle_holds_the_lease_open() {
    let (limiter, _) = memory();
    let (send, receive) = tokio::sync::oneshot::channel::<LeaseHandle>();
    let send = Arc::new(std::sync::Mutex::new(Some(send)));
    let handler = move |limiter: BoundLimiter| async move {
        let lease = limiter.acquire().await.unwrap();
        let _ = send.lock().unwrap().take().unwrap().send(lease);
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, bound()));
    let response = ask(&app, from("alice")).await;
    drop(response);
    let lease = receive.await.unwrap();
    lease.settle("tpm", 50).unwrap();
    assert_eq!(alices_tokens(&limiter).await, 90);
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, 50);
}

#[tokio::test]
async fn keys_are_checked_before_the_handler_runs() {
    let app = app(&memory().0, bound());
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 400);
}

/// A policy that only observes refuses no request, and the handler gets its lease.
#[tokio::test]
async fn a_handler_of_a_policy_that_only_observes_acquires_without_a_key() {
    let (limiter, _) = memory();
    let handler = async |limiter: BoundLimiter, status: RateLimitStatus| {
        assert_eq!(status.shadow, None, "nothing is asked yet");
        let lease = limiter
            .clone()
            .cost("tpm", 500)
            .costs(&Cost::new())
            .acquire()
            .await
            .unwrap();
        assert_eq!(lease.status().shadow, Some(ShadowVerdict::Refused));
        lease.settle("tpm", 7).unwrap();
        lease.consume("tpm", 7).await.unwrap();
        let again = limiter.acquire().await.unwrap_err();
        assert!(
            matches!(again, Error::Invalid(Invalid::LeaseHeld)),
            "once, as ever: {again:?}"
        );
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, bound().shadow()));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 200);
    // The same if the key is missing because of a mistake of the server.
    let unset = bound().entity(keys::peer_ip()).shadow();
    let handler = async |limiter: BoundLimiter| assert!(limiter.acquire().await.is_ok());
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, unset));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 100);
}

/// A request that this layer exempts is not charged, and does not use the limiter of an outer
/// layer.
#[tokio::test]
async fn an_unlimited_request_does_not_find_the_limiter_of_another_layer() {
    let (limiter, _) = memory();
    let handler = async |limiter: BoundLimiter| {
        let lease = limiter.cost("tpm", 1_000_000).acquire().await.unwrap();
        assert!(lease.status().limits.is_empty() && !lease.is_degraded());
    };
    let exempt = bound()
        .resource(keys::fixed("inner"))
        .exempt(|_: &tollgate::layer::RequestHead<'_>| true);
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, exempt))
        .layer(layer(&limiter, bound()));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 100);
}

#[tokio::test]
async fn a_handler_gets_the_policys_decision_while_the_store_is_down() {
    let remote = Remote::with(RateLimiter::builder().deadline(Duration::from_millis(200))).await;
    remote.engine.stop().await;
    let blocks = app(&remote.limiter, bound());
    let response = ask(&blocks, from("alice")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (503, Some("1"))
    );
    let handler = async |limiter: BoundLimiter| {
        let lease = limiter.acquire().await.unwrap();
        assert!(lease.is_degraded());
        lease.settle("tpm", 7).unwrap();
        lease.consume("tpm", 7).await.unwrap();
    };
    let allows = bound().on_unavailable(OnUnavailable::Allow);
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&remote.limiter, allows));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}

#[tokio::test]
async fn an_optional_limiter_is_none_without_the_layer() {
    let events = Events::collect();
    let handler = async |limiter: Option<BoundLimiter>| assert!(limiter.is_none());
    let bare = Router::new()
        .route("/", get(handler))
        .route("/bound", get(async |_: BoundLimiter| {}));
    assert_eq!(ask(&bare, from("alice")).await.status(), 200);
    let mut request = from("alice");
    *request.uri_mut() = "/bound".parse().unwrap();
    assert_eq!(ask(&bare, request).await.status(), 500);
    assert!(
        events.text().contains(&MissingLayer::default().to_string()),
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn a_denied_consume_is_answered_by_the_layer_and_keeps_what_was_used() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| -> Result<&'static str, Error> {
        lease.consume("tpm", 50).await?;
        lease.consume("tpm", 50).await?;
        Ok("done")
    };
    // The outer layer has its own bucket and keeps its charge, because the handler has run.
    let outer = ten_tokens().resource(keys::fixed("outer"));
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()))
        .layer(layer(&limiter, outer));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (429, Some("6"))
    );
    let reported: Vec<_> = response
        .headers()
        .get_all("ratelimit")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert_eq!(reported, [r#""tpm";r=40;t=6"#, r#""tpm";r=90;t=6"#]);
    assert_eq!(alices_tokens(&limiter).await, 40);
    let outer =
        super::world::left_of(&limiter, "alice", "outer", &Limit::per_minute("tpm", 100)).await;
    assert_eq!(outer, 90);
}

#[tokio::test]
async fn mistakes_of_the_handler_are_a_500_and_an_event() {
    let events = Events::collect();
    let handler = async |lease: LeaseHandle| -> Result<(), Error> { Ok(lease.adjust("rpm", 1)?) };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&memory().0, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 500);
    assert!(
        events.text().contains("unknown limit rpm"),
        "{}",
        events.text()
    );
    // The same without a layer.
    let bare = Router::new().route("/", get(async || Error::from(Invalid::NoLimits)));
    assert_eq!(ask(&bare, from("alice")).await.status(), 500);
}
