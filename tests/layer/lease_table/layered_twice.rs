//! A request that passes the same layer twice.

use axum::{Router, routing::get};
use http::Request;
use tollgate::{
    Limit, RateLimitLayer,
    layer::{LeaseHandle, PolicyBuilder, Settle, keys},
};

use crate::{
    events::Events,
    world::{Remote, alices_tokens, ask, from, gated, left_of, memory, per_user, ten_tokens},
};

/// Returns a router nested in another one, both with the same layer.
fn nested(layer: RateLimitLayer) -> Router {
    let inner = Router::new()
        .route("/", get(async || [("x-used", "30")]))
        .layer(layer.clone());
    Router::new().nest("/in", inner).layer(layer)
}

fn inside() -> Request<axum::body::Body> {
    let mut request = from("alice");
    *request.uri_mut() = "/in".parse().unwrap();
    request
}

async fn status(app: &Router) -> u16 {
    ask(app, inside()).await.status().as_u16()
}

#[tokio::test]
async fn a_request_that_passes_one_layer_twice_is_charged_once() {
    let remote = Remote::start().await;
    for limiter in [memory().0, gated().0, remote.limiter.clone()] {
        let policy = per_user(Limit::per_hour("rph", 1)).build().unwrap();
        let app = nested(RateLimitLayer::new(limiter.clone(), policy));
        assert_eq!((status(&app).await, status(&app).await), (200, 429));
    }
}

#[tokio::test]
async fn a_request_that_passes_one_layer_twice_is_settled_and_reported_once() {
    let (limiter, _) = memory();
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .build()
        .unwrap();
    let response = ask(
        &nested(RateLimitLayer::new(limiter.clone(), policy)),
        inside(),
    )
    .await;
    assert_eq!(response.headers().get_all("ratelimit").iter().count(), 1);
    assert_eq!(alices_tokens(&limiter).await, 70);
}

/// If the policy, the limiter or the entity differs, both layers charge.
#[tokio::test]
async fn another_layer_charges_too() {
    let (one, two) = (memory().0, memory().0);
    let policy = ten_tokens().build().unwrap();
    let inner = Router::new()
        .route("/", get(async || {}))
        .layer(RateLimitLayer::new(two.clone(), policy.clone()));
    let app = inner.layer(RateLimitLayer::new(one.clone(), policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(
        (alices_tokens(&one).await, alices_tokens(&two).await),
        (90, 90)
    );

    let (limiter, _) = memory();
    let layer =
        |policy: PolicyBuilder| RateLimitLayer::new(limiter.clone(), policy.build().unwrap());
    let app = Router::new()
        .route("/", get(async || {}))
        .layer(layer(ten_tokens()))
        .layer(layer(ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 80);

    // Middleware between the two layers changes the user.
    let (limiter, _) = memory();
    let layer = RateLimitLayer::new(limiter.clone(), ten_tokens().build().unwrap());
    let rename = async |mut request: axum::extract::Request, next: axum::middleware::Next| {
        request
            .headers_mut()
            .insert("x-user", "bob".parse().unwrap());
        next.run(request).await
    };
    let handler =
        async |lease: LeaseHandle| assert_eq!(lease.status().entity.unwrap().as_str(), "bob");
    let app = Router::new().route("/", get(handler)).layer(layer.clone());
    let app = app.layer(axum::middleware::from_fn(rename)).layer(layer);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 90);
    assert_eq!(
        left_of(&limiter, "bob", "api", &crate::world::tokens()).await,
        90
    );
}

#[tokio::test]
async fn a_request_without_a_handle_is_charged_once() {
    let remote = Remote::start().await;
    for limiter in [memory().0, gated().0, remote.limiter.clone()] {
        let policy = per_user(Limit::per_hour("rph", 1))
            .without_handle()
            .build()
            .unwrap();
        let app = nested(RateLimitLayer::new(limiter.clone(), policy));
        assert_eq!((status(&app).await, status(&app).await), (200, 429));
    }
}

/// Middleware between the two layers drops the request's extensions.
#[tokio::test]
async fn a_request_that_lost_its_mark_causes_a_warning() {
    let events = Events::collect();
    let policy = per_user(Limit::per_hour("rph", 3))
        .resource(keys::fixed("api"))
        .build()
        .unwrap();
    let layer = RateLimitLayer::new(memory().0, policy);
    let forget = async |mut request: axum::extract::Request, next: axum::middleware::Next| {
        request.extensions_mut().clear();
        next.run(request).await
    };
    let app = Router::new()
        .route("/in", get(async || {}))
        .layer(layer.clone());
    let app = app.layer(axum::middleware::from_fn(forget)).layer(layer);
    assert_eq!(status(&app).await, 200);
    assert!(!events.text().contains("policy applied twice"));
    assert_eq!(status(&app).await, 429, "it has charged three times");
    assert!(
        events.text().contains("policy applied twice"),
        "{}",
        events.text()
    );
}

/// Regression: the extensions held one mark, so a stack of two layers that a request met twice
/// charged both buckets twice.
#[tokio::test]
async fn a_stack_of_layers_that_is_applied_twice_charges_once() {
    let (limiter, _) = memory();
    let layer = |resource: &'static str, handle: bool| {
        let policy = per_user(Limit::per_hour("rph", 1)).resource(keys::fixed(resource));
        let policy = if handle {
            policy
        } else {
            policy.without_handle()
        };
        RateLimitLayer::new(limiter.clone(), policy.build().unwrap())
    };
    for handle in [true, false] {
        let names = if handle {
            ["one", "two", "three"]
        } else {
            ["four", "five", "six"]
        };
        let [one, two, three] = names.map(|resource| layer(resource, handle));
        let stack = |router: Router| {
            router
                .layer(one.clone())
                .layer(two.clone())
                .layer(three.clone())
        };
        let inner = stack(Router::new().route("/", get(async || {})));
        let app = stack(Router::new().nest("/in", inner));
        assert_eq!(
            (status(&app).await, status(&app).await),
            (200, 429),
            "{names:?}"
        );
    }
}

/// An unlimited route between the two layers replaces the handle, and keeps the mark.
#[tokio::test]
async fn an_exempt_layer_between_them_keeps_the_mark() {
    let (limiter, _) = memory();
    let layer =
        |policy: PolicyBuilder| RateLimitLayer::new(limiter.clone(), policy.build().unwrap());
    let outer = layer(per_user(Limit::per_hour("rph", 1)));
    let exempting = layer(
        per_user(Limit::per_hour("other", 1)).exempt(|_: &tollgate::layer::RequestHead<'_>| true),
    );
    let inner = Router::new()
        .route("/", get(async || {}))
        .layer(outer.clone());
    let app = Router::new()
        .nest("/in", inner)
        .layer(exempting)
        .layer(outer);
    assert_eq!((status(&app).await, status(&app).await), (200, 429));
}
