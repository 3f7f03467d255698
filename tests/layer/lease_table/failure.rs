//! The lease if the inner service fails or panics: the charge is kept unless the policy says
//! otherwise, because a client can provoke such failures.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{Request, Response};
use tollgate::{
    RateLimiter,
    layer::{LeaseHandle, Outcome, PolicyBuilder},
};
use tower::{Layer, Service, ServiceExt};

use super::{COMMITTED, ROLLED_BACK};
use crate::world::{Remote, alices_tokens, from, gated, layer, memory, poll_once, ten_tokens};

/// Returns the lease of the request, which has settled 30 tokens.
fn used_thirty(request: &Request<Body>) -> LeaseHandle {
    let lease = request
        .extensions()
        .get::<LeaseHandle>()
        .expect("a lease")
        .clone();
    lease.settle("tpm", 30).unwrap();
    lease
}

/// Returns policies, and what a request that fails or panics leaves under each of them.
fn policies() -> [(PolicyBuilder, i64); 2] {
    let refund = || {
        ten_tokens()
            .on_error(Outcome::Refund)
            .on_panic(Outcome::Refund)
    };
    [(ten_tokens(), COMMITTED), (refund(), ROLLED_BACK)]
}

async fn an_error(limiter: RateLimiter, policy: PolicyBuilder, left: i64) {
    let inner = tower::service_fn(async |request: Request<Body>| {
        let _lease = used_thirty(&request);
        Err::<Response<Body>, _>("broken")
    });
    let service = layer(&limiter, policy).layer(inner);
    assert_eq!(service.oneshot(from("alice")).await.err(), Some("broken"));
    limiter.shutdown().await;
    assert_eq!(alices_tokens(&limiter).await, left);
}

#[tokio::test]
async fn an_error_keeps_the_charge_in_memory() {
    for (policy, left) in policies() {
        an_error(memory().0, policy, left).await;
    }
}

#[tokio::test]
async fn an_error_keeps_the_charge_over_dynamodb() {
    for (policy, left) in policies() {
        let remote = Remote::start().await;
        an_error(remote.limiter, policy, left).await;
    }
}

#[tokio::test]
async fn a_handle_that_outlives_an_error_holds_the_lease() {
    let (limiter, _) = memory();
    let (keep, kept) = std::sync::mpsc::channel();
    let inner = tower::service_fn(move |request: Request<Body>| {
        keep.send(used_thirty(&request)).unwrap();
        std::future::ready(Err::<Response<Body>, _>("broken"))
    });
    assert!(
        layer(&limiter, ten_tokens())
            .layer(inner)
            .oneshot(from("alice"))
            .await
            .is_err()
    );
    let lease = kept.recv().unwrap();
    lease.adjust("tpm", 5).unwrap();
    assert_eq!(alices_tokens(&limiter).await, 90, "it is open");
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, 65);
}

#[tokio::test]
async fn a_handle_that_outlives_a_refunded_error_is_closed() {
    let (limiter, _) = memory();
    let (keep, kept) = std::sync::mpsc::channel();
    let inner = tower::service_fn(move |request: Request<Body>| {
        keep.send(used_thirty(&request)).unwrap();
        std::future::ready(Err::<Response<Body>, _>("broken"))
    });
    let policy = ten_tokens().on_error(Outcome::Refund);
    assert!(
        layer(&limiter, policy)
            .layer(inner)
            .oneshot(from("alice"))
            .await
            .is_err()
    );
    let lease = kept.recv().unwrap();
    assert!(lease.adjust("tpm", 5).is_err() && lease.consume("tpm", 5).await.is_err());
    assert_eq!(lease.consumed("tpm"), None);
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

/// Panics after one yield, with the lease in use.
async fn panics(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let lease = used_thirty(&request);
    tokio::task::yield_now().await;
    panic!("in the handler, with {:?}", lease.consumed("tpm"))
}

async fn a_panic(limiter: RateLimiter, policy: PolicyBuilder, left: i64) {
    // The task catches the panic and drops the future.
    let service = layer(&limiter, policy).layer(tower::service_fn(panics));
    let panic = tokio::spawn(service.oneshot(from("alice")))
        .await
        .unwrap_err()
        .into_panic();
    assert_eq!(
        panic.downcast_ref::<String>().map(String::as_str),
        Some("in the handler, with Some(30)")
    );
    limiter.shutdown().await;
    assert_eq!(alices_tokens(&limiter).await, left);
}

#[tokio::test]
async fn a_panic_keeps_the_charge_in_memory() {
    for (policy, left) in policies() {
        a_panic(memory().0, policy, left).await;
    }
}

#[tokio::test]
async fn a_panic_keeps_the_charge_over_dynamodb() {
    for (policy, left) in policies() {
        let remote = Remote::start().await;
        a_panic(remote.limiter, policy, left).await;
    }
}

/// Errors and panics have separate rules.
#[tokio::test]
async fn errors_and_panics_have_rules_of_their_own() {
    an_error(
        memory().0,
        ten_tokens().on_panic(Outcome::Refund),
        COMMITTED,
    )
    .await;
    a_panic(
        memory().0,
        ten_tokens().on_error(Outcome::Refund),
        COMMITTED,
    )
    .await;
    an_error(
        memory().0,
        ten_tokens().on_error(Outcome::refund(["tpm"])),
        ROLLED_BACK,
    )
    .await;
    a_panic(
        memory().0,
        ten_tokens().on_panic(Outcome::refund(["tpm"])),
        ROLLED_BACK,
    )
    .await;
}

#[tokio::test]
async fn a_future_dropped_by_the_unwinding_counts_as_a_panic() {
    for (policy, left) in policies() {
        let (limiter, _) = memory();
        let service = layer(&limiter, policy).layer(tower::service_fn(panics));
        let mut future = Box::pin(service.oneshot(from("alice")));
        assert!(poll_once(future.as_mut()).is_pending());
        let panicked = catch_unwind(AssertUnwindSafe(move || poll_once(future.as_mut())));
        assert!(panicked.is_err());
        assert_eq!(alices_tokens(&limiter).await, left);
    }
}

#[tokio::test]
async fn a_future_that_survives_the_panic_counts_as_a_panic() {
    for (policy, left) in policies() {
        let (limiter, _) = memory();
        let service = layer(&limiter, policy).layer(tower::service_fn(panics));
        let mut future = Box::pin(service.oneshot(from("alice")));
        assert!(poll_once(future.as_mut()).is_pending());
        let panicked = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
        assert!(panicked.is_err());
        drop(future);
        assert_eq!(alices_tokens(&limiter).await, left);
    }
}

/// A service that panics in `call`, before there is a future.
#[derive(Clone)]
struct PanicsInCall;

impl Service<Request<Body>> for PanicsInCall {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let _lease = used_thirty(&request);
        panic!("in call")
    }
}

#[tokio::test]
async fn a_panic_of_call_keeps_the_charge_in_memory() {
    for (policy, left) in policies() {
        let (limiter, _) = memory();
        let mut service = layer(&limiter, policy).layer(PanicsInCall);
        service.ready().await.unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| service.call(from("alice")))).is_err());
        assert_eq!(alices_tokens(&limiter).await, left);
    }
}

#[tokio::test]
async fn a_panic_of_call_after_waiting_for_the_decision_keeps_the_charge() {
    for (policy, left) in policies() {
        a_panic_of_a_late_call(gated().0, policy, left).await;
    }
}

async fn a_panic_of_a_late_call(limiter: RateLimiter, policy: PolicyBuilder, left: i64) {
    let mut service = layer(&limiter, policy).layer(PanicsInCall);
    let mut future = Box::pin(service.ready().await.unwrap().call(from("alice")));
    let panicked = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => Poll::Ready(false),
            Err(_) => Poll::Ready(true),
        }
    });
    assert!(panicked.await);
    assert_eq!(alices_tokens(&limiter).await, left);
    // If the future is polled again, it stays pending and does not panic.
    let again = catch_unwind(AssertUnwindSafe(|| {
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    }));
    assert!(matches!(again, Ok(Poll::Pending)));
}
