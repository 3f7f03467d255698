//! Settlement by the handler.

use axum::{Router, routing::get};
use http::StatusCode;
use tollgate::{
    Error, RateLimiter,
    error::Invalid,
    layer::{LeaseHandle, Outcome, PolicyBuilder, Settle},
};

use crate::world::{Remote, alices_tokens, ask, from, gated, layer, left, memory, ten_tokens};

/// Returns the tokens left after a request with this handler.
async fn left_after<F, R>(limiter: &RateLimiter, handler: F) -> i64
where
    F: Fn(LeaseHandle) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send,
{
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(limiter, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    alices_tokens(limiter).await
}

#[tokio::test]
async fn a_handle_adjusts_up_and_down() {
    let up = |lease: LeaseHandle| async move { lease.adjust("tpm", 7).unwrap() };
    assert_eq!(left_after(&memory().0, up).await, 83);
    let down = |lease: LeaseHandle| async move { lease.adjust("tpm", -7).unwrap() };
    assert_eq!(left_after(&memory().0, down).await, 97);
}

#[tokio::test]
async fn a_handle_never_gives_back_more_than_was_charged() {
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
async fn a_handle_settles_and_releases() {
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
async fn a_handle_refuses_unknown_limits() {
    let handler = |lease: LeaseHandle| async move {
        let unknown = Invalid::UnknownLimit("rpm".to_owned());
        assert_eq!(lease.adjust("rpm", 1).unwrap_err(), unknown);
        assert_eq!(lease.settle("rpm", 1).unwrap_err(), unknown);
        assert_eq!(lease.release("rpm", 1).unwrap_err(), unknown);
        assert!(
            matches!(lease.consume("rpm", 1).await, Err(Error::Invalid(error)) if error == unknown)
        );
        assert_eq!(lease.consumed("rpm"), None);
    };
    assert_eq!(left_after(&memory().0, handler).await, 90);
}

async fn consumes_until_it_is_denied(limiter: RateLimiter) {
    let handler = |lease: LeaseHandle| async move {
        lease.consume("tpm", 50).await.unwrap();
        assert_eq!(lease.consumed("tpm"), Some(60));
        let denied = lease.consume("tpm", 50).await.unwrap_err();
        let short = denied
            .denied()
            .expect("a denial")
            .primary()
            .expect("a limit")
            .clone();
        assert_eq!((short.available, short.requested), (40, 50));
        assert_eq!(lease.consumed("tpm"), Some(60), "as it was");
        lease.consume("tpm", 40).await.unwrap();
        assert!(matches!(
            lease.consume("tpm", 101).await,
            Err(Error::ExceedsCapacity(_))
        ));
        // The work needed fewer tokens.
        lease.release("tpm", 35).unwrap();
    };
    assert_eq!(left_after(&limiter, handler).await, 35);
}

#[tokio::test]
async fn a_handle_consumes_until_it_is_denied_in_memory() {
    consumes_until_it_is_denied(memory().0).await;
}

#[tokio::test]
async fn a_handle_consumes_until_it_is_denied_through_gates() {
    consumes_until_it_is_denied(gated().0).await;
}

#[tokio::test]
async fn a_handle_consumes_until_it_is_denied_over_dynamodb() {
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
async fn clones_of_a_handle_are_one_lease() {
    let handler = |lease: LeaseHandle| async move {
        let other = lease.clone();
        let task = tokio::spawn(async move { other.adjust("tpm", 5) });
        lease.adjust("tpm", 5).unwrap();
        task.await.unwrap().unwrap();
        assert_eq!(lease.consumed("tpm"), Some(20));
    };
    assert_eq!(left_after(&memory().0, handler).await, 80);
}

/// Returns the tokens left if the handler calls `say`, and the head and body of the response report
/// 40.
async fn left_beside_rules(policy: PolicyBuilder, say: fn(&LeaseHandle)) -> i64 {
    let (limiter, _) = memory();
    let handler = async move |lease: LeaseHandle| {
        say(&lease);
        [("x-used", "40")]
    };
    let policy = policy
        .settle("tpm", Settle::header("x-used"))
        .settle("tpm", Settle::head(|_| Some(1)).add());
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    alices_tokens(&limiter).await
}

#[tokio::test]
async fn an_amount_of_a_handle_goes_before_rules() {
    assert_eq!(left_beside_rules(ten_tokens(), |_| {}).await, 59);
    assert_eq!(
        left_beside_rules(ten_tokens(), |lease| lease.settle("tpm", 30).unwrap()).await,
        70
    );
    assert_eq!(
        left_beside_rules(ten_tokens(), |lease| lease.adjust("tpm", 5).unwrap()).await,
        85
    );
    assert_eq!(
        left_beside_rules(ten_tokens(), |lease| lease.release("tpm", 5).unwrap()).await,
        95
    );
    assert_eq!(
        left_beside_rules(ten_tokens(), |lease| assert!(
            lease.settle("rpm", 30).is_err()
        ))
        .await,
        59
    );
}

#[tokio::test]
async fn an_amount_of_a_handle_counts_for_its_limit_only() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        [("x-used", "3")]
    };
    let rpm = tollgate::Limit::per_minute("rpm", 5);
    let policy = ten_tokens()
        .limit(rpm.clone())
        .settle("rpm", Settle::header("x-used"));
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(
        (
            alices_tokens(&limiter).await,
            left(&limiter, "alice", &rpm).await
        ),
        (70, 2)
    );
}

#[tokio::test]
async fn a_consume_says_nothing_about_the_use() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| {
        lease.consume("tpm", 50).await.unwrap();
        [("x-used", "30")]
    };
    let policy = ten_tokens().settle("tpm", Settle::header("x-used"));
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, policy));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 70);
}

#[tokio::test]
async fn an_outcome_goes_before_an_amount_of_a_handle() {
    let refund = || ten_tokens().on_status(200..=200, Outcome::Refund);
    assert_eq!(
        left_beside_rules(refund(), |lease| lease.settle("tpm", 30).unwrap()).await,
        100
    );
}

#[tokio::test]
async fn an_amount_set_after_the_head_counts_whatever_the_outcome() {
    let (limiter, _) = memory();
    let (send, receive) = std::sync::mpsc::channel();
    let handler = async move |lease: LeaseHandle| send.send(lease).unwrap();
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens().on_status(.., Outcome::Refund)));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    receive.recv().unwrap().settle("tpm", 30).unwrap();
    assert_eq!(alices_tokens(&limiter).await, 70);
}

#[tokio::test]
async fn an_error_answer_keeps_what_the_handler_said() {
    let (limiter, _) = memory();
    let handler = async |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    assert_eq!(ask(&app, from("alice")).await.status(), 500);
    assert_eq!(alices_tokens(&limiter).await, 70);
}
