//! The lease until the response's head is ready.

use std::{
    convert::Infallible,
    sync::{Arc, mpsc},
};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use tokio::sync::oneshot;
use tollgate::{
    RateLimiter,
    layer::{LeaseHandle, Settle},
};
use tollgate_testkit::Fault;
use tower::{Layer, ServiceExt};

use super::{AS_ESTIMATED, COMMITTED};
use crate::{
    bodies::{carrying, data, fed, next, once},
    world::{Remote, alices_tokens, app, ask, from, gated, layer, memory, poll_once, ten_tokens},
};

async fn the_client_goes_before_the_head(limiter: RateLimiter) {
    let (called, was_called) = oneshot::channel();
    let called = once(called);
    let inner = tower::service_fn(move |_: Request<Body>| {
        called().send(()).unwrap();
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let request = tokio::spawn(
        layer(&limiter, ten_tokens())
            .layer(inner)
            .oneshot(from("alice")),
    );
    was_called.await.unwrap();
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    limiter.shutdown().await;
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_charged_in_memory() {
    the_client_goes_before_the_head(memory().0).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_charged_over_dynamodb() {
    the_client_goes_before_the_head(Remote::start().await.limiter).await;
}

async fn nobody_holds_the_lease(limiter: RateLimiter) {
    let policy = ten_tokens().settle("tpm", Settle::header("x-used"));
    let (feed, body) = fed();
    let body = once(body);
    let app = app(layer(&limiter, policy), move || {
        Response::builder()
            .header("x-used", "30")
            .body(Body::new(body()))
            .unwrap()
    });
    let response = ask(&app, from("alice")).await;
    assert_eq!(alices_tokens(&limiter).await, COMMITTED, "at the head");
    // The body comes later and passes through.
    feed.send(data("late")).unwrap();
    let mut body = response.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_lease_that_nobody_holds_is_committed_with_the_head_in_memory() {
    nobody_holds_the_lease(memory().0).await;
}

#[tokio::test]
async fn a_lease_that_nobody_holds_is_committed_with_the_head_through_gates() {
    nobody_holds_the_lease(gated().0).await;
}

#[tokio::test]
async fn a_lease_that_nobody_holds_is_committed_with_the_head_over_dynamodb() {
    nobody_holds_the_lease(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn the_write_of_a_commit_does_not_delay_the_response() {
    let remote = Arc::new(Remote::start().await);
    let policy = ten_tokens().settle("tpm", Settle::header("x-used"));
    let store = remote.clone();
    let app = app(layer(&remote.limiter, policy), move || {
        // From here on no write is executed.
        store.proxy.set_fault(Fault::black_hole());
        [("x-used", "30")]
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    remote.proxy.until_received("UpdateItem", 1).await;
    assert_eq!(remote.proxy.count("UpdateItem"), 0);
}

#[tokio::test]
async fn a_handle_dropped_before_the_head_holds_nothing() {
    let (limiter, _) = memory();
    let (_feed, body) = fed();
    let body = once(body);
    let handler = async move |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        Body::new(body())
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    let _response = ask(&app, from("alice")).await;
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_handle_in_the_body_keeps_the_lease_open() {
    let (limiter, _) = memory();
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        let (feed, body) = carrying(lease.clone());
        send.send((feed, lease)).unwrap();
        Body::new(body)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    let mut body = ask(&app, from("alice")).await.into_body();
    let (feed, lease) = receive.recv().unwrap();
    lease.settle("tpm", 30).unwrap();
    drop(lease);
    feed.send(data("one")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED, "still open");
    drop(feed);
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_handle_in_a_task_outlives_the_body() {
    let (limiter, _) = memory();
    let (finish, finished) = oneshot::channel::<()>();
    let finished = once(finished);
    let (send, receive) = mpsc::channel();
    let handler = move |lease: LeaseHandle| {
        let finished = finished();
        let task = tokio::spawn(async move {
            finished.await.unwrap();
            lease.settle("tpm", 30).unwrap();
        });
        send.send(task).unwrap();
        std::future::ready("hello")
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    let mut body = ask(&app, from("alice")).await.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hello");
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(
        alices_tokens(&limiter).await,
        AS_ESTIMATED,
        "the task has the lease"
    );
    finish.send(()).unwrap();
    receive.recv().unwrap().await.unwrap();
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_body_outlives_the_handle() {
    let (limiter, _) = memory();
    let (send, receive) = mpsc::channel();
    let (feed, body) = fed();
    let body = once(body);
    let handler = async move |lease: LeaseHandle| {
        send.send(lease).unwrap();
        Body::new(body())
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, ten_tokens()));
    let mut body = ask(&app, from("alice")).await.into_body();
    let lease = receive.recv().unwrap();
    lease.settle("tpm", 30).unwrap();
    drop(lease);
    feed.send(data("one")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    assert!(poll_once(std::pin::pin!(next(&mut body))).is_pending());
    assert_eq!(
        alices_tokens(&limiter).await,
        AS_ESTIMATED,
        "the body is not over"
    );
    drop(feed);
    assert!(next(&mut body).await.is_none());
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "at the end of the body, not when it is dropped"
    );
}
