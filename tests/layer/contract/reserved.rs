//! A denied request releases what the inner service reserved when it became ready.

use std::{convert::Infallible, pin::pin};

use axum::body::Body;
use http::{Request, Response};
use tollgate::{Limit, RateLimiter};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer};

use crate::world::{Remote, from, gated, layer, memory, per_user, poll_once};

async fn a_permit_is_released_on_denial(limiter: RateLimiter) {
    let hello = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let inner = ConcurrencyLimitLayer::new(1).layer(hello);
    let mut service = layer(&limiter, per_user(Limit::per_hour("rph", 1))).layer(inner);
    let mut other = service.clone();
    assert!(
        service
            .ready()
            .await
            .unwrap()
            .call(from("alice"))
            .await
            .unwrap()
            .status()
            .is_success()
    );

    service.ready().await.unwrap();
    assert!(
        poll_once(pin!(other.ready())).is_pending(),
        "there is one permit"
    );
    let denied = service.call(from("alice"));
    let response = denied.await.unwrap();
    assert_eq!(response.status(), 429);

    // The answer and the denied service still exist.
    assert!(poll_once(pin!(other.ready())).is_ready());
    drop((service, response));
}

#[tokio::test]
async fn a_denied_request_releases_the_reservation_in_memory() {
    a_permit_is_released_on_denial(memory().0).await;
}

#[tokio::test]
async fn a_denied_request_releases_the_reservation_through_gates() {
    a_permit_is_released_on_denial(gated().0).await;
}

#[tokio::test]
async fn a_denied_request_releases_the_reservation_over_dynamodb() {
    a_permit_is_released_on_denial(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_request_without_a_key_releases_the_reservation() {
    let hello = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let inner = ConcurrencyLimitLayer::new(1).layer(hello);
    let mut service = layer(&memory().0, per_user(Limit::per_hour("rph", 1))).layer(inner);
    let mut other = service.clone();
    let rejected = service
        .ready()
        .await
        .unwrap()
        .call(Request::new(Body::empty()));
    assert!(poll_once(pin!(other.ready())).is_ready());
    assert_eq!(rejected.await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_granted_request_keeps_the_reservation_until_it_is_done() {
    let slow = tower::service_fn(async |_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    });
    let inner = ConcurrencyLimitLayer::new(1).layer(slow);
    let mut service = layer(&memory().0, per_user(Limit::per_hour("rph", 5))).layer(inner);
    let mut running = Box::pin(service.ready().await.unwrap().call(from("alice")));
    assert!(poll_once(running.as_mut()).is_pending());
    assert!(poll_once(pin!(service.ready())).is_pending());
    drop(running);
    assert!(poll_once(pin!(service.ready())).is_ready());
}
