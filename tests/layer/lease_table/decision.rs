//! The lease before there is a decision.

use std::{convert::Infallible, pin::pin, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use tollgate::RateLimiter;
use tollgate_testkit::Fault;
use tower::{Layer, Service, ServiceExt};

use super::ROLLED_BACK;
use crate::world::{
    Remote, alices_tokens, from, gated, layer, memory, poll_once, ten_tokens, tokens,
};

#[tokio::test]
async fn a_request_is_not_charged_before_the_inner_service_is_ready() {
    let (limiter, _) = memory();
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service = layer(&limiter, ten_tokens()).layer(inner);
    handle.allow(0);
    assert!(poll_once(pin!(service.ready())).is_pending());
    assert_eq!(alices_tokens(&limiter).await, 100);
    handle.send_error("broken");
    assert!(service.ready().await.is_err());
    assert_eq!(alices_tokens(&limiter).await, 100);
}

async fn denied(limiter: RateLimiter) {
    let (inner, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service = layer(&limiter, ten_tokens().cost("tpm", 60)).layer(inner);
    let granted = tokio::spawn(service.ready().await.unwrap().call(from("alice")));
    handle
        .next_request()
        .await
        .expect("the first one is granted")
        .1
        .send_response(Response::default());
    assert_eq!(granted.await.unwrap().unwrap().status(), 200);

    let response = service
        .ready()
        .await
        .unwrap()
        .call(from("alice"))
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(alices_tokens(&limiter).await, 40);
    drop((service, response));
    assert!(
        handle.next_request().await.is_none(),
        "the inner service is not called"
    );
}

#[tokio::test]
async fn a_denied_request_is_not_charged_in_memory() {
    denied(memory().0).await;
}

#[tokio::test]
async fn a_denied_request_is_not_charged_through_gates() {
    denied(gated().0).await;
}

#[tokio::test]
async fn a_denied_request_is_not_charged_over_dynamodb() {
    denied(Remote::start().await.limiter).await;
}

fn unreachable_service() -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = Infallible,
    Future = std::future::Ready<Result<Response<Body>, Infallible>>,
> + Clone {
    tower::service_fn(|_| panic!("there was no decision"))
}

#[tokio::test]
async fn a_client_that_leaves_during_the_write_is_not_charged() {
    let remote = Remote::start().await;
    let mut service = layer(&remote.limiter, ten_tokens()).layer(unreachable_service());
    // The bucket exists, so the next writes are updates.
    let look = remote
        .limiter
        .acquire("alice", "api")
        .limits(tokens())
        .cost("tpm", 0)
        .await
        .unwrap();
    assert!(look.commit().await.is_ok());
    remote
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(100)).on("UpdateItem"));
    let mut asked = Box::pin(service.ready().await.unwrap().call(from("alice")));
    assert!(poll_once(asked.as_mut()).is_pending());
    remote.proxy.until_received("UpdateItem", 1).await;
    drop(asked);

    remote.proxy.clear_faults();
    // The write is executed, and the next one gives the charge back.
    remote.proxy.until_count("UpdateItem", 2).await;
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, ROLLED_BACK);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_write_is_not_charged() {
    let remote = Remote::start().await;
    let mut service = layer(&remote.limiter, ten_tokens()).layer(unreachable_service());
    drop(service.ready().await.unwrap().call(from("alice")));
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, ROLLED_BACK);
}
