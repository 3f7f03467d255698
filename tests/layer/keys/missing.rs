//! Requests without a usable key.

use axum::Router;
use serde_json::{Value, json};
use tollgate::{
    EntityId, Limit,
    layer::{OnMissingKey, Policy, PolicyBuilder, keys},
};

use crate::world::{ask, from, hello, layer, left, memory, per_user, text, with_headers};

fn rph() -> Limit {
    Limit::per_hour("rph", 1)
}

fn app(policy: PolicyBuilder) -> Router {
    hello(layer(&memory().0, policy))
}

/// No value, an empty value, one of spaces, and two values.
const UNUSABLE: [&[&[u8]]; 5] = [
    &[],
    &[b""],
    &[b" \t "],
    &[b"alice", b"bob"],
    &[b"alice", b"alice"],
];

/// Returns every unusable form of a header.
fn unusable(name: &'static str) -> impl Iterator<Item = http::Request<axum::body::Body>> {
    UNUSABLE.into_iter().map(move |values| {
        let headers: Vec<_> = values.iter().map(|value| (name, *value)).collect();
        with_headers(&headers)
    })
}

async fn problem(response: http::Response<axum::body::Body>) -> Value {
    assert_eq!(
        text(&response, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(text(&response, "cache-control"), Some("no-store"));
    assert_eq!(text(&response, "retry-after"), None);
    serde_json::from_slice(
        &axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_missing_plain_id_is_asked_for_with_400() {
    let app = app(per_user(rph()));
    for request in unusable("x-user") {
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 400);
        assert_eq!(text(&response, "www-authenticate"), None);
        assert_eq!(
            problem(response).await,
            json!({
                "type": "about:blank",
                "title": "Bad request",
                "status": 400,
                "detail": "Missing or invalid header: x-user.",
            })
        );
    }
}

#[tokio::test]
async fn a_missing_api_key_is_asked_for_with_401() {
    let app = app(per_user(rph()).entity(keys::hashed_header("x-api-key")));
    for request in unusable("x-api-key") {
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 401);
        assert_eq!(text(&response, "www-authenticate"), Some("ApiKey"));
        assert_eq!(problem(response).await["title"], "Unauthorized");
    }
}

#[tokio::test]
async fn a_missing_token_is_asked_for_with_401() {
    let app = app(per_user(rph()).entity(keys::bearer_token()));
    let others = [
        &b"Basic YTpi"[..],
        b"Bearer",
        b"Bearer ",
        b"bearer\tabc",
        b"BearerX abc",
        b"abc",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    let others = others
        .into_iter()
        .map(|value| with_headers(&[("authorization", value)]));
    for request in unusable("authorization").chain(others) {
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 401);
        assert_eq!(text(&response, "www-authenticate"), Some("Bearer"));
        assert_eq!(problem(response).await["status"], 401);
    }
    for granted in [&b"Bearer a"[..], b"bearer b", b"BEARER  c"] {
        assert_eq!(
            ask(&app, with_headers(&[("authorization", granted)]))
                .await
                .status(),
            200
        );
    }
}

#[tokio::test]
async fn requests_without_a_key_can_share_one_entity() {
    let (limiter, _) = memory();
    let anonymous = EntityId::new("anonymous").unwrap();
    let policy =
        per_user(Limit::per_hour("rph", 5)).on_missing_key(OnMissingKey::Entity(anonymous));
    let app = hello(layer(&limiter, policy));
    for request in unusable("x-user") {
        assert_eq!(ask(&app, request).await.status(), 200);
    }
    assert_eq!(
        left(&limiter, "anonymous", &Limit::per_hour("rph", 5)).await,
        0
    );
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 429);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
}

#[tokio::test]
async fn requests_without_a_key_can_pass() {
    let (limiter, _) = memory();
    let app = hello(layer(
        &limiter,
        per_user(rph()).on_missing_key(OnMissingKey::Skip),
    ));
    for request in unusable("x-user") {
        let response = ask(&app, request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(text(&response, "ratelimit"), None);
    }
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
}

#[tokio::test]
async fn a_shared_entity_is_no_shared_resource() {
    let policy = || {
        Policy::builder()
            .entity(keys::header("x-user"))
            .resource(keys::header("x-model"))
            .limit(rph())
    };
    let shared =
        app(policy().on_missing_key(OnMissingKey::Entity(EntityId::new("anonymous").unwrap())));
    let response = ask(&shared, from("alice")).await;
    assert_eq!(response.status(), 400);
    assert!(
        problem(response).await["detail"]
            .as_str()
            .unwrap()
            .contains("header: x-model")
    );
    let skipped = app(policy().on_missing_key(OnMissingKey::Skip));
    for _ in 0..2 {
        assert_eq!(ask(&skipped, from("alice")).await.status(), 200);
    }
}
