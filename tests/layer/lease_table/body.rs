//! The lease while the response's body is streamed.

use std::{io, sync::mpsc};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use http::{Response, StatusCode};
use tollgate::{RateLimiter, layer::LeaseHandle};

use super::{AS_ESTIMATED, COMMITTED};
use crate::{
    bodies::{Feed, carrying, data, next},
    world::{Remote, alices_tokens, ask, from, layer, memory, ten_tokens},
};

/// Returns a response whose body holds the lease, and the body's feed. The handle has settled 30
/// tokens.
async fn streaming(limiter: &RateLimiter) -> (Body, Feed) {
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        let (feed, body) = carrying(lease);
        send.send(feed).unwrap();
        Body::new(body)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(limiter, ten_tokens()));
    let mut body = ask(&app, from("alice")).await.into_body();
    let feed = receive.recv().unwrap();
    feed.send(data("half")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "half");
    assert_eq!(alices_tokens(limiter).await, AS_ESTIMATED);
    (body, feed)
}

#[tokio::test]
async fn a_body_that_ends_commits_the_lease() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter).await;
    drop(feed);
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_body_that_fails_midway_commits_the_lease() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter).await;
    feed.send(Err(io::Error::other("torn"))).unwrap();
    assert!(next(&mut body).await.unwrap().is_err());
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_body_dropped_midway_commits_the_lease() {
    let (limiter, _) = memory();
    let (body, feed) = streaming(&limiter).await;
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
    assert!(feed.is_closed());
}

#[tokio::test]
async fn a_body_dropped_midway_commits_the_lease_over_dynamodb() {
    let remote = Remote::start().await;
    let (body, feed) = streaming(&remote.limiter).await;
    drop(body);
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, COMMITTED);
    assert!(feed.is_closed());
}

/// Returns the response to a request whose lease another task holds until the head is ready, and
/// releases right after.
async fn released_after_the_head<R>(
    limiter: &RateLimiter,
    method: &str,
    answer: fn() -> R,
) -> Response<Body>
where
    R: IntoResponse + Send + 'static,
{
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        send.send(lease).unwrap();
        answer()
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(limiter, ten_tokens()));
    let mut request = from("alice");
    *request.method_mut() = method.parse().unwrap();
    let response = ask(&app, request).await;
    drop(receive.recv().unwrap());
    response
}

#[tokio::test]
async fn an_empty_body_commits_the_lease() {
    let (limiter, _) = memory();
    let _unread = released_after_the_head(&limiter, "GET", || "").await;
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "nothing will be polled"
    );
}

#[tokio::test]
async fn a_response_without_a_body_commits_the_lease() {
    let (limiter, _) = memory();
    let response = released_after_the_head(&limiter, "GET", || StatusCode::NO_CONTENT).await;
    assert_eq!(response.status(), 204);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_body_that_is_not_sent_commits_the_lease() {
    let (limiter, _) = memory();
    let response = released_after_the_head(&limiter, "HEAD", || "hello").await;
    assert_eq!(response.headers()["content-length"], "5");
    drop(response);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_body_that_reports_its_end_with_its_last_frame_commits_the_lease() {
    let (limiter, _) = memory();
    let mut body = released_after_the_head(&limiter, "GET", || "hello")
        .await
        .into_body();
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hello");
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "servers do not poll past the end"
    );
}
