//! By the handler.

use axum::{Router, routing::get};
use http::StatusCode;
use tollgate::{Error, RateLimiter, error::Invalid, layer::LeaseHandle};

use crate::world::{Remote, alices_tokens, ask, from, gated, layer, memory, ten_tokens};

/// What is left after a request whose handler is `handler`.
async fn left_after<F, R>(limiter: &RateLimiter, handler: F) -> i64
where
    F: Fn(LeaseHandle) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    let app = Router::new().route("/", get(handler)).layer(layer(limiter, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    alices_tokens(limiter).await
}

#[tokio::test]
async fn adjusts_up_and_down() {
    let up = |lease: LeaseHandle| async move { lease.adjust("tpm", 7).unwrap() };
    assert_eq!(left_after(&memory().0, up).await, 83);
    let down = |lease: LeaseHandle| async move { lease.adjust("tpm", -7).unwrap() };
    assert_eq!(left_after(&memory().0, down).await, 97);
}

#[tokio::test]
async fn never_gives_back_more_than_was_charged() {
    let handler = |lease: LeaseHandle| async move {
        lease.adjust("tpm", i64::MIN).unwrap();
        assert_eq!(lease.consumed("tpm"), Some(0));
        lease.release("tpm", u64::MAX).unwrap();
        assert_eq!(lease.consumed("tpm"), Some(0));
    };
    let (limiter, _) = memory();
    assert_eq!(left_after(&limiter, |_| async {}).await, 90);
    assert_eq!(left_after(&limiter, handler).await, 90);
}

#[tokio::test]
async fn settles_and_releases() {
    let settle = |lease: LeaseHandle| async move {
        lease.settle("tpm", 55).unwrap();
        lease.settle("tpm", 30).unwrap();
        assert_eq!(lease.consumed("tpm"), Some(30));
    };
    assert_eq!(left_after(&memory().0, settle).await, 70);
    let release = |lease: LeaseHandle| async move { lease.release("tpm", 4).unwrap() };
    assert_eq!(left_after(&memory().0, release).await, 94);
}

#[tokio::test]
async fn hears_of_limits_that_are_none() {
    let handler = |lease: LeaseHandle| async move {
        let unknown = Invalid::UnknownLimit("rpm".to_owned());
        assert_eq!(lease.adjust("rpm", 1).unwrap_err(), unknown);
        assert_eq!(lease.settle("rpm", 1).unwrap_err(), unknown);
        assert_eq!(lease.release("rpm", 1).unwrap_err(), unknown);
        assert!(matches!(lease.consume("rpm", 1).await, Err(Error::Invalid(error)) if error == unknown));
        assert_eq!(lease.consumed("rpm"), None);
    };
    assert_eq!(left_after(&memory().0, handler).await, 90);
}

async fn consumes_until_it_is_denied(limiter: RateLimiter) {
    let handler = |lease: LeaseHandle| async move {
        lease.consume("tpm", 50).await.unwrap();
        assert_eq!(lease.consumed("tpm"), Some(60));
        let denied = lease.consume("tpm", 50).await.unwrap_err();
        let short = denied.denied().expect("a denial").primary().expect("a limit").clone();
        assert_eq!((short.available, short.requested), (40, 50));
        assert_eq!(lease.consumed("tpm"), Some(60), "as it was");
        lease.consume("tpm", 40).await.unwrap();
        assert!(matches!(lease.consume("tpm", 101).await, Err(Error::ExceedsCapacity(_))));
        // It turns out that less was needed.
        lease.release("tpm", 35).unwrap();
    };
    assert_eq!(left_after(&limiter, handler).await, 35);
}

#[tokio::test]
async fn consumes_until_it_is_denied_in_memory() {
    consumes_until_it_is_denied(memory().0).await;
}

#[tokio::test]
async fn consumes_until_it_is_denied_through_gates() {
    consumes_until_it_is_denied(gated().0).await;
}

#[tokio::test]
async fn consumes_until_it_is_denied_over_dynamodb() {
    consumes_until_it_is_denied(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_consume_that_is_dropped_charges_nothing() {
    let remote = Remote::start().await;
    let handler = |lease: LeaseHandle| async move {
        let mut consume = Box::pin(lease.consume("tpm", 50));
        assert!(crate::world::poll_once(consume.as_mut()).is_pending());
        drop(consume);
        assert_eq!(lease.consumed("tpm"), Some(10));
    };
    left_after(&remote.limiter, handler).await;
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, 90);
}

#[tokio::test]
async fn clones_are_one_lease() {
    let handler = |lease: LeaseHandle| async move {
        let other = lease.clone();
        let task = tokio::spawn(async move { other.adjust("tpm", 5) });
        lease.adjust("tpm", 5).unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(lease.consumed("tpm"), Some(20));
    };
    assert_eq!(left_after(&memory().0, handler).await, 80);
}

#[tokio::test]
async fn an_error_answer_keeps_what_the_handler_said() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(layer(&limiter, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 500);
    assert_eq!(alices_tokens(&limiter).await, 70);
}
