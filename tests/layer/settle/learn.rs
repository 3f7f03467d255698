//! Estimates learned from earlier requests.

use axum::Router;
use tollgate::{
    Limit, RateLimiter, Resource,
    layer::{Learn, LeaseHandle, PolicyBuilder, Settle, cost},
    model::ConfigScope,
};

use crate::world::{ask, from, gated, header_map, layer, memory, per_user, with_headers};

fn tokens() -> Limit {
    Limit::per_minute("tpm", 10_000)
}

fn learning() -> PolicyBuilder {
    per_user(tokens())
        .cost("tpm", 1000)
        .learn("tpm", Learn::over(3).floor(20))
}

/// Returns a router that answers with the charge of the request, and settles to `x-use` if that is
/// present.
fn app(limiter: &RateLimiter, policy: PolicyBuilder) -> Router {
    let handler = async |lease: LeaseHandle, headers: http::HeaderMap| {
        let used = headers.get("x-use").map(|value| ("x-used", value.clone()));
        let charged = lease.consumed("tpm").unwrap().to_string();
        (axum::response::AppendHeaders(used), charged)
    };
    Router::new().fallback(handler).layer(layer(
        limiter,
        policy.settle("tpm", Settle::header("x-used")),
    ))
}

/// Returns the initial charge of a request that uses `used` tokens.
async fn charged(app: &Router, user: &str, used: u64) -> u64 {
    let used = used.to_string();
    asked(
        app,
        &[
            ("x-user", user.to_owned().leak().as_bytes()),
            ("x-use", used.leak().as_bytes()),
        ],
    )
    .await
}

async fn asked(app: &Router, headers: &[(&'static str, &'static [u8])]) -> u64 {
    let response = ask(app, with_headers(headers)).await;
    assert_eq!(response.status(), 200);
    let charged = axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    String::from_utf8_lossy(&charged).parse().unwrap()
}

#[tokio::test]
async fn learned_estimates_get_better() {
    for (limiter, _) in [memory(), gated()] {
        let app = app(&limiter, learning());
        assert_eq!(charged(&app, "alice", 100).await, 1000, "what is fixed");
        assert_eq!(charged(&app, "alice", 50).await, 100);
        assert_eq!(charged(&app, "alice", 0).await, 75);
        assert_eq!(charged(&app, "alice", 0).await, 38);
        assert_eq!(charged(&app, "alice", 0).await, 20, "the floor");
        assert_eq!(
            charged(&app, "bob", 500).await,
            1000,
            "everyone for themselves"
        );
        assert_eq!(charged(&app, "bob", 500).await, 500);
    }
}

#[tokio::test]
async fn a_request_without_a_reported_use_teaches_nothing() {
    let (limiter, _) = memory();
    let app = app(&limiter, learning());
    for _ in 0..3 {
        assert_eq!(asked(&app, &[("x-user", b"alice")]).await, 1000);
        assert_eq!(
            asked(&app, &[("x-user", b"alice"), ("x-use", b"nonsense")]).await,
            1000
        );
    }
}

#[tokio::test]
async fn a_refunded_request_teaches_nothing() {
    let (limiter, _) = memory();
    let app = app(
        &limiter,
        learning().on_status(200..=200, tollgate::layer::Outcome::Refund),
    );
    for _ in 0..3 {
        assert_eq!(charged(&app, "alice", 100).await, 1000);
    }
}

#[tokio::test]
async fn an_amount_of_a_handler_teaches_too() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| {
        let charged = lease.consumed("tpm").unwrap();
        lease.settle("tpm", 70).unwrap();
        charged.to_string()
    };
    let app = Router::new()
        .fallback(handler)
        .layer(layer(&limiter, learning()));
    assert_eq!(asked(&app, &[("x-user", b"alice")]).await, 1000);
    assert_eq!(asked(&app, &[("x-user", b"alice")]).await, 70);
}

#[tokio::test]
async fn an_estimate_from_the_head_goes_before_a_learned_one() {
    let (limiter, _) = memory();
    let app = app(
        &limiter,
        learning().estimate("tpm", cost::header("x-tokens")),
    );
    assert_eq!(charged(&app, "alice", 100).await, 1000);
    assert_eq!(
        asked(&app, &[("x-user", b"alice"), ("x-tokens", b"7")]).await,
        7
    );
    assert_eq!(
        asked(&app, &[("x-user", b"alice"), ("x-tokens", b"-7")]).await,
        100
    );
}

#[tokio::test]
async fn a_learned_estimate_is_never_above_the_capacity() {
    let (limiter, clock) = memory();
    let app = app(&limiter, learning());
    assert_eq!(charged(&app, "alice", 50_000).await, 1000);
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(charged(&app, "alice", 0).await, 10_000);
}

/// Returns a policy with stored limits.
fn stored() -> PolicyBuilder {
    tollgate::layer::Policy::builder()
        .entity(tollgate::layer::keys::header("x-user"))
        .resource(tollgate::layer::keys::fixed("api"))
        .cost("tpm", 10)
}

#[tokio::test]
async fn a_learned_estimate_is_never_above_a_stored_capacity() {
    let (limiter, clock) = memory();
    let scope = ConfigScope::Resource(Resource::new("api").unwrap());
    limiter.config().set(scope, tokens()).await.unwrap();
    let app = app(&limiter, stored().learn("tpm", Learn::default()));
    assert_eq!(charged(&app, "alice", 50_000).await, 10);
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(charged(&app, "alice", 0).await, 10_000);
}

async fn store(limiter: &RateLimiter, tokens: u64) {
    let scope = ConfigScope::Resource(Resource::new("api").unwrap());
    limiter
        .config()
        .set(scope, Limit::per_minute("tpm", tokens))
        .await
        .unwrap();
}

/// Replaces a large stored limit by one of 100 tokens. Returns how many requests are refused, and
/// the initial charge of the next one.
async fn shrunk(learn: Learn) -> (u32, String) {
    let (limiter, _) = memory();
    store(&limiter, 10_000).await;
    let app = app(&limiter, stored().learn("tpm", learn));
    assert_eq!(charged(&app, "alice", 500).await, 10);
    assert_eq!(charged(&app, "alice", 500).await, 500);
    store(&limiter, 100).await;
    let mut refused = 0;
    loop {
        let mut request = from("alice");
        request.headers_mut().extend(header_map(&[("x-use", b"5")]));
        let response = ask(&app, request).await;
        if response.status() == 200 {
            let charged = axum::body::to_bytes(response.into_body(), 100)
                .await
                .unwrap();
            return (refused, String::from_utf8_lossy(&charged).into_owned());
        }
        assert!(!response.headers().contains_key("retry-after"));
        refused += 1;
        assert!(refused < 10);
    }
}

#[tokio::test]
async fn a_stored_limit_that_becomes_smaller_refuses_one_request() {
    assert_eq!(shrunk(Learn::default()).await, (1, "100".to_owned()));
}

#[tokio::test]
async fn a_floor_above_a_shrunk_capacity_refuses_one_request() {
    assert_eq!(
        shrunk(Learn::default().floor(500)).await,
        (1, "100".to_owned())
    );
}

#[tokio::test]
async fn a_floor_above_a_stored_capacity_refuses_nobody() {
    let (limiter, clock) = memory();
    store(&limiter, 100).await;
    let app = app(&limiter, stored().learn("tpm", Learn::default().floor(500)));
    assert_eq!(charged(&app, "alice", 5).await, 10);
    for _ in 0..2 {
        clock.advance(std::time::Duration::from_secs(3600));
        assert_eq!(
            charged(&app, "alice", 5).await,
            100,
            "what a full bucket holds"
        );
    }
    store(&limiter, 10_000).await;
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(charged(&app, "alice", 5).await, 100, "as was known");
    clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(charged(&app, "alice", 5).await, 500, "the floor fits now");
}
