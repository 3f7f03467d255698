//! The inner service fails or panics.

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{Request, Response};
use tollgate::{RateLimiter, layer::LeaseHandle};
use tower::{Layer, Service, ServiceExt};

use super::ROLLED_BACK;
use crate::world::{Remote, alices_tokens, from, gated, layer, memory, poll_once, ten_tokens};

/// The request's lease, told that 30 tokens were used.
fn used_thirty(request: &Request<Body>) -> LeaseHandle {
    let lease = request.extensions().get::<LeaseHandle>().expect("a lease").clone();
    lease.settle("tpm", 30).unwrap();
    lease
}

async fn an_error_rolls_back(limiter: RateLimiter) {
    let inner = tower::service_fn(async |request: Request<Body>| {
        let _lease = used_thirty(&request);
        Err::<Response<Body>, _>("broken")
    });
    let service = layer(&limiter, ten_tokens()).layer(inner);
    assert_eq!(service.oneshot(from("alice")).await.err(), Some("broken"));
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn an_error_rolls_back_in_memory() {
    an_error_rolls_back(memory().0).await;
}

#[tokio::test]
async fn an_error_rolls_back_over_dynamodb() {
    an_error_rolls_back(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_handle_that_outlives_an_error_is_closed() {
    let (limiter, _) = memory();
    let (keep, kept) = std::sync::mpsc::channel();
    let inner = tower::service_fn(move |request: Request<Body>| {
        keep.send(used_thirty(&request)).unwrap();
        std::future::ready(Err::<Response<Body>, _>("broken"))
    });
    assert!(layer(&limiter, ten_tokens()).layer(inner).oneshot(from("alice")).await.is_err());
    let lease = kept.recv().unwrap();
    assert!(lease.adjust("tpm", 5).is_err() && lease.consume("tpm", 5).await.is_err());
    assert_eq!(lease.consumed("tpm"), None);
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

/// Panics after one yield, holding the lease and a lock on nothing.
async fn panics(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let lease = used_thirty(&request);
    tokio::task::yield_now().await;
    panic!("in the handler, with {:?}", lease.consumed("tpm"))
}

async fn a_panic_rolls_back(limiter: RateLimiter) {
    // The task catches it, and drops the future on the way.
    let service = layer(&limiter, ten_tokens()).layer(tower::service_fn(panics));
    let panic = tokio::spawn(service.oneshot(from("alice"))).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("in the handler, with Some(30)"));
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn a_panic_rolls_back_in_memory() {
    a_panic_rolls_back(memory().0).await;
}

#[tokio::test]
async fn a_panic_rolls_back_over_dynamodb() {
    a_panic_rolls_back(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_future_dropped_by_the_unwinding() {
    let (limiter, _) = memory();
    let service = layer(&limiter, ten_tokens()).layer(tower::service_fn(panics));
    let mut future = Box::pin(service.oneshot(from("alice")));
    assert!(poll_once(future.as_mut()).is_pending());
    let panicked = catch_unwind(AssertUnwindSafe(move || poll_once(future.as_mut())));
    assert!(panicked.is_err());
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn a_future_that_survives_the_panic() {
    let (limiter, _) = memory();
    let service = layer(&limiter, ten_tokens()).layer(tower::service_fn(panics));
    let mut future = Box::pin(service.oneshot(from("alice")));
    assert!(poll_once(future.as_mut()).is_pending());
    let panicked = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
    assert!(panicked.is_err());
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
    drop(future);
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

/// Panics before there is a future.
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
async fn a_panic_of_call_in_memory() {
    let (limiter, _) = memory();
    let mut service = layer(&limiter, ten_tokens()).layer(PanicsInCall);
    service.ready().await.unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(from("alice")))).is_err());
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn a_panic_of_call_after_waiting_for_the_decision() {
    let (limiter, _) = gated();
    let mut service = layer(&limiter, ten_tokens()).layer(PanicsInCall);
    let mut future = Box::pin(service.ready().await.unwrap().call(from("alice")));
    let panicked =
        std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => Poll::Ready(false),
            Err(_) => Poll::Ready(true),
        });
    assert!(panicked.await);
    assert_eq!(alices_tokens(&limiter).await, ROLLED_BACK);
    // Whoever polls it again waits in vain, and does not panic.
    let again = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
    assert!(matches!(again, Ok(Poll::Pending)));
}
