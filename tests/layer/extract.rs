//! The axum extractors.

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tollgate::{
    Limit,
    extract::MissingLayer,
    layer::{LeaseHandle, OnMissingKey, RateLimitStatus},
};

use super::{
    events::Events,
    world::{Remote, alices_tokens, ask, from, layer, memory, ten_tokens, with_headers},
};

async fn json(app: Router, user: &str) -> Value {
    let response = ask(&app, from(user)).await;
    assert_eq!(response.status(), 200);
    serde_json::from_slice(
        &axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_handler_gets_the_lease() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| Json(lease.consumed("tpm"));
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    assert_eq!(json(app, "alice").await, 10);
}

#[tokio::test]
async fn a_handler_gets_an_optional_lease() {
    let (limiter, _) = memory();
    let handler = async |lease: Option<LeaseHandle>| Json(lease.map(|lease| lease.consumed("tpm")));
    let bare = Router::new().route("/", get(handler));
    assert_eq!(json(bare.clone(), "alice").await, Value::Null);
    assert_eq!(
        json(bare.layer(layer(&limiter, ten_tokens())), "alice").await,
        10
    );
}

#[tokio::test]
async fn a_handler_gets_the_status() {
    let remote = Remote::start().await;
    for limiter in [memory().0, remote.limiter] {
        let handler = async |status: RateLimitStatus| {
            assert_eq!(status.get("tpm").unwrap().available, 90);
            assert!(status.get("rpm").is_none());
            Json(status)
        };
        let app = Router::new()
            .route("/", get(handler))
            .layer(layer(&limiter, ten_tokens()));
        assert_eq!(
            json(app, "alice").await,
            json!({
                "entity": "alice",
                "resource": "api",
                "limits": [{
                    "owner": "entity",
                    "limit": {"name": "tpm", "capacity": 100, "refill_amount": 100, "refill_period_seconds": 60.0},
                    "available": 90,
                    "requested": 10,
                    "retry_after_seconds": 0.0,
                    "reset_after_seconds": 6.0,
                }],
                "degraded": false,
            })
        );
    }
}

#[tokio::test]
async fn the_status_follows_what_the_handler_adjusts() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle, before: RateLimitStatus| {
        lease.settle("tpm", 250).unwrap();
        let available = |status: &RateLimitStatus| status.get("tpm").unwrap().available;
        Json([available(&before), available(&lease.status())])
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    assert_eq!(json(app, "alice").await, json!([90, -150]));
}

#[tokio::test]
async fn a_handler_gets_an_optional_status() {
    let handler = async |status: Option<RateLimitStatus>| Json(status.is_some());
    let bare = Router::new().route("/", get(handler));
    assert_eq!(json(bare.clone(), "alice").await, false);
    assert_eq!(
        json(bare.layer(layer(&memory().0, ten_tokens())), "alice").await,
        true
    );
}

#[tokio::test]
async fn an_extractor_without_the_layer_answers_500() {
    let events = Events::collect();
    let app = Router::new()
        .route("/lease", get(async |_: LeaseHandle| {}))
        .route("/status", get(async |_: RateLimitStatus| {}));
    for path in ["/lease", "/status"] {
        let mut request = from("alice");
        *request.uri_mut() = path.parse().unwrap();
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&body).contains("TG006");
        assert_eq!(
            told,
            cfg!(debug_assertions),
            "only debug builds tell clients what is wrong"
        );
    }
    let said = events
        .text()
        .matches(&MissingLayer::default().to_string())
        .count();
    assert_eq!(said, 2, "{}", events.text());
}

#[tokio::test]
async fn an_optional_lease_is_none_outside_the_layer() {
    let (limiter, _) = memory();
    let inner = Router::new()
        .route("/", get(async || {}))
        .layer(layer(&limiter, ten_tokens()));
    let outside = axum::middleware::from_fn(
        async |lease: Option<LeaseHandle>,
               request: axum::extract::Request,
               next: axum::middleware::Next| {
            assert!(lease.is_none());
            next.run(request).await
        },
    );
    assert_eq!(
        ask(&inner.layer(outside), from("alice")).await.status(),
        200
    );
    assert_eq!(alices_tokens(&limiter).await, 90);
}

#[tokio::test]
async fn an_unlimited_request_has_a_lease_that_charges_nothing() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle, status: RateLimitStatus| {
        assert!(status.limits.is_empty() && status.entity.is_none() && !status.degraded);
        lease.consume("tpm", 1_000_000).await.unwrap();
        assert_eq!(lease.status(), status);
    };
    let policy = ten_tokens().on_missing_key(OnMissingKey::Skip);
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 200);
}

#[tokio::test]
async fn a_handler_behind_two_layers_gets_the_inner_ones_lease() {
    let (limiter, _) = memory();
    let inner = super::world::per_user(Limit::per_hour("rph", 7))
        .resource(tollgate::layer::keys::fixed("inner"));
    let handler = async |status: RateLimitStatus| Json(status.resource);
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, inner))
        .layer(layer(&limiter, ten_tokens()));
    assert_eq!(json(app, "alice").await, "inner");
}
