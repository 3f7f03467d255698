//! The layer calls the service that it has polled ready.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::body::Body;
use http::{Request, Response};
use tokio::task::JoinSet;
use tollgate::{Limit, RateLimiter};
use tower::{Layer, Service, ServiceExt};

use crate::world::{Remote, from, gated, layer, memory, per_user, poll_once};

/// A service that panics if it is called without having been polled ready itself.
#[derive(Debug, Default)]
struct Careful {
    ready: bool,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Body>> for Careful {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called before it was ready"
        );
        ready(Ok(Response::default()))
    }
}

/// Half of the requests are denied. All use clones, several of them at a time.
async fn never_calls_one_that_is_not_ready(limiter: RateLimiter) {
    let mut service =
        layer(&limiter, per_user(Limit::per_hour("rph", 20))).layer(Careful::default());
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        // The service is cloned between readiness and call, and called again before the first
        // future has run.
        service.ready().await.unwrap();
        let mut clone = service.clone();
        calls.spawn(service.call(from("alice")));
        clone.ready().await.unwrap();
        calls.spawn(clone.call(from("alice")));
        calls.spawn(service.clone().oneshot(from("alice")));
        service = clone;
        calls.spawn(service.clone().oneshot(from("alice")));
    }
    let mut granted = 0;
    while let Some(call) = calls.join_next().await {
        granted += usize::from(call.expect("no panic").unwrap().status().is_success());
    }
    assert_eq!(granted, 20);
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_called_in_memory() {
    never_calls_one_that_is_not_ready(memory().0).await;
}

#[tokio::test]
async fn the_service_that_was_polled_ready_is_called_through_gates() {
    never_calls_one_that_is_not_ready(gated().0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_that_was_polled_ready_is_called_over_dynamodb() {
    never_calls_one_that_is_not_ready(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn the_layers_readiness_is_that_of_the_inner_service() {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let (limiter, _) = memory();
    let mut service = layer(&limiter, per_user(Limit::per_hour("rph", 20))).layer(inner);
    handle.allow(0);
    assert!(poll_once(std::pin::pin!(service.ready())).is_pending());
    handle.send_error("out of order");
    let error = service.ready().await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "out of order");
}
