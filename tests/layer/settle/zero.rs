//! A client that states a cost of 0 does not switch a limit off.
//!
//! Every request uses 50 of 100 tokens and states that it needs none. Two are granted, and the
//! third is always denied.

use axum::{Router, body::Body, routing::post};
use http::Request;
use tollgate::{
    Cost, Error, RateLimitLayer, RateLimiter,
    layer::{
        BoundLimiter, Learn, PolicyBuilder, RequestHead, Settle, cost,
        routes::{Route, Routes},
    },
    model::LimitName,
};

use crate::world::{
    Remote, alices_tokens, app, ask, gated, header_map, layer, memory, per_user, tokens,
};

/// Returns a request that states in every way that it needs nothing.
fn needs_nothing() -> Request<Body> {
    let mut request = Request::post("/?n=0")
        .body(Body::empty())
        .expect("a request");
    *request.headers_mut() = header_map(&[
        ("x-user", b"alice"),
        ("x-max-tokens", b"0"),
        ("content-length", b"0"),
    ]);
    request
}

/// Returns how many of ten requests are granted.
async fn granted(app: &Router) -> usize {
    let mut granted = 0;
    for _ in 0..10 {
        granted += usize::from(ask(app, needs_nothing()).await.status() == 200);
    }
    granted
}

fn using_fifty() -> PolicyBuilder {
    per_user(tokens()).settle("tpm", Settle::header("x-used"))
}

fn estimates() -> [(&'static str, PolicyBuilder); 6] {
    let closure = |head: &RequestHead<'_>| {
        head.headers
            .get("x-max-tokens")?
            .to_str()
            .ok()?
            .parse()
            .ok()
    };
    [
        (
            "header",
            using_fifty().estimate("tpm", cost::header("x-max-tokens")),
        ),
        (
            "query",
            using_fifty().estimate("tpm", cost::query_parameter("n")),
        ),
        (
            "length",
            using_fifty().estimate("tpm", cost::content_length().per_token(4)),
        ),
        ("closure", using_fifty().estimate("tpm", closure)),
        (
            "several",
            using_fifty()
                .estimate("tpm", cost::content_length())
                .estimate("tpm", cost::header("x-max-tokens")),
        ),
        (
            "free unless told",
            using_fifty()
                .cost("tpm", 0)
                .estimate("tpm", cost::header("x-max-tokens")),
        ),
    ]
}

async fn two_pass(limiter: RateLimiter, name: &str, layer: RateLimitLayer) {
    assert_eq!(
        granted(&app(layer, || [("x-used", "50")])).await,
        2,
        "{name}"
    );
    // The last settlement may still be in flight.
    limiter.flush().await;
    assert_eq!(alices_tokens(&limiter).await, 0, "{name}");
}

#[tokio::test]
async fn an_estimate_of_zero_counts_as_one_in_memory() {
    for (name, policy) in estimates() {
        let (limiter, _) = memory();
        two_pass(limiter.clone(), name, layer(&limiter, policy)).await;
    }
}

#[tokio::test]
async fn an_estimate_of_zero_counts_as_one_through_gates() {
    for (name, policy) in estimates() {
        let (limiter, _) = gated();
        two_pass(limiter.clone(), name, layer(&limiter, policy)).await;
    }
}

#[tokio::test]
async fn an_estimate_of_zero_counts_as_one_over_dynamodb() {
    let [(name, policy), ..] = estimates();
    let remote = Remote::start().await;
    two_pass(remote.limiter.clone(), name, layer(&remote.limiter, policy)).await;
}

#[tokio::test]
async fn an_estimate_of_zero_by_a_row_of_a_table_counts_as_one() {
    for (name, policy) in estimates() {
        let (limiter, _) = memory();
        let routes = Routes::builder()
            .route(Route::path("/"), policy.build().unwrap())
            .otherwise_unlimited()
            .unwrap();
        two_pass(limiter.clone(), name, RateLimitLayer::new(limiter, routes)).await;
    }
}

#[tokio::test]
async fn a_learned_zero_counts_as_one() {
    let (limiter, _) = memory();
    let policy = || using_fifty().learn("tpm", Learn::over(1).floor(0));
    let free = app(layer(&limiter, policy()), || [("x-used", "0")]);
    assert_eq!(ask(&free, needs_nothing()).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 100);
    // The layer has learned that nothing is used.
    assert_eq!(granted(&free).await, 10);
    let mut owing = limiter
        .acquire("alice", "api")
        .limits(tokens())
        .await
        .unwrap();
    owing.settle("tpm", 150).unwrap();
    owing.commit();
    assert_eq!(granted(&free).await, 0, "the bucket is in debt");
}

#[tokio::test]
async fn a_zero_of_a_handler_counts_as_one() {
    let one = |limiter: BoundLimiter| limiter.cost("tpm", 0);
    let all = |limiter: BoundLimiter| {
        limiter.costs(&Cost::from_iter([(LimitName::new("tpm").unwrap(), 0)]))
    };
    for ask_for in [one, all] {
        let (limiter, _) = memory();
        let handler = async move |limiter: BoundLimiter| {
            let lease = ask_for(limiter).acquire().await?;
            lease.settle("tpm", 50)?;
            Ok::<_, Error>(())
        };
        let policy = per_user(tokens()).cost("tpm", 10).acquire_in_handler();
        let app = Router::new()
            .route("/", post(handler))
            .layer(layer(&limiter, policy));
        assert_eq!(granted(&app).await, 2);
    }
}

#[tokio::test]
async fn the_operators_zero_leaves_a_limit_alone() {
    let (limiter, _) = memory();
    let free = app(layer(&limiter, using_fifty().cost("tpm", 0)), || {
        [("x-used", "50")]
    });
    assert_eq!(granted(&free).await, 10, "however deep it is in debt");
    assert_eq!(alices_tokens(&limiter).await, -400);
    let writes = |head: &RequestHead<'_>| (!head.method.is_safe()).then_some(1);
    let (limiter, _) = memory();
    let reads = app(
        layer(
            &limiter,
            per_user(tokens()).cost("tpm", 0).estimate("tpm", writes),
        ),
        || "hello",
    );
    let mut read = needs_nothing();
    *read.method_mut() = http::Method::GET;
    assert_eq!(ask(&reads, read).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 100);
    assert_eq!(ask(&reads, needs_nothing()).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 99);
}
