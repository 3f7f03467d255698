//! The lease while a rule reads the body.

use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use tollgate::{
    RateLimiter,
    layer::{LeaseHandle, PolicyBuilder, Settle},
};
use tower::{Layer, ServiceExt};

use super::{AS_ESTIMATED, COMMITTED};
use crate::{
    bodies::{Feed, carrying, collect, data, fed, next, once},
    sockets,
    world::{Remote, alices_tokens, app, ask, from, gated, layer, memory, poll_once, ten_tokens},
};

/// 15 tokens for each byte.
fn watching() -> PolicyBuilder {
    ten_tokens().settle("tpm", Settle::bytes(|bytes| bytes * 15))
}

/// Returns a response of which two bytes have been read.
async fn streaming(limiter: &RateLimiter, policy: PolicyBuilder) -> (Body, Feed) {
    let (feed, body) = fed();
    let body = once(body);
    let mut body = ask(
        &app(layer(limiter, policy), move || Body::new(body())),
        from("alice"),
    )
    .await
    .into_body();
    feed.send(data("hi")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hi");
    assert_eq!(alices_tokens(limiter).await, AS_ESTIMATED);
    (body, feed)
}

#[tokio::test]
async fn a_watched_body_that_ends_commits_the_lease() {
    for (limiter, _) in [memory(), gated()] {
        let (mut body, feed) = streaming(&limiter, watching()).await;
        drop(feed);
        assert!(next(&mut body).await.is_none());
        assert_eq!(
            alices_tokens(&limiter).await,
            COMMITTED,
            "at the end of the body, not when it is dropped"
        );
    }
}

#[tokio::test]
async fn a_watched_body_needs_no_handle() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter, watching().without_handle()).await;
    drop(feed);
    assert!(next(&mut body).await.is_none());
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_watched_body_that_fails_midway_commits_the_lease() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter, watching()).await;
    feed.send(Err(io::Error::other("torn"))).unwrap();
    assert!(next(&mut body).await.unwrap().is_err());
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "with what was counted so far"
    );
}

#[tokio::test]
async fn a_watched_body_dropped_midway_commits_the_lease() {
    let (limiter, _) = memory();
    let (body, feed) = streaming(&limiter, watching()).await;
    drop(body);
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "with what was counted so far"
    );
    assert!(feed.is_closed());
}

#[tokio::test]
async fn a_watched_body_dropped_midway_commits_the_lease_over_dynamodb() {
    let remote = Remote::start().await;
    let (body, _feed) = streaming(&remote.limiter, watching()).await;
    drop(body);
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, COMMITTED);
}

#[tokio::test]
async fn a_watched_body_that_is_never_read_commits_the_lease() {
    let (limiter, _) = memory();
    let (_feed, body) = fed();
    let body = once(body);
    let response = ask(
        &app(layer(&limiter, watching()), move || Body::new(body())),
        from("alice"),
    )
    .await;
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    drop(response);
    assert_eq!(
        alices_tokens(&limiter).await,
        AS_ESTIMATED,
        "kept as estimated"
    );
}

#[tokio::test]
async fn a_handle_outlives_a_watched_body() {
    let (limiter, _) = memory();
    let (send, receive) = std::sync::mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        send.send(lease).unwrap();
        "hi"
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, watching()));
    collect(ask(&app, from("alice")).await.into_body())
        .await
        .unwrap();
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    let lease = receive.recv().unwrap();
    assert_eq!(lease.consumed("tpm"), Some(30), "it sees what was counted");
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn an_amount_that_a_handle_sets_meanwhile_counts() {
    let (limiter, _) = memory();
    let (send, receive) = std::sync::mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        let (feed, body) = carrying(lease.clone());
        send.send((feed, lease)).unwrap();
        Body::new(body)
    };
    let app = Router::new()
        .route("/", get(handler))
        .layer(layer(&limiter, watching()));
    let mut body = ask(&app, from("alice")).await.into_body();
    let (feed, lease) = receive.recv().unwrap();
    feed.send(data("1")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "1");
    lease.settle("tpm", 30).unwrap();
    feed.send(data("2345")).unwrap();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "2345");
    drop((feed, lease));
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

async fn left_without_a_body<R>(answer: fn() -> R) -> (u16, i64)
where
    R: IntoResponse + Send + 'static,
{
    let (limiter, _) = memory();
    let response = ask(&app(layer(&limiter, watching()), answer), from("alice")).await;
    assert!(response.body().is_end_stream());
    (response.status().as_u16(), alices_tokens(&limiter).await)
}

#[tokio::test]
async fn a_watched_response_without_a_body_commits_the_lease() {
    assert_eq!(
        left_without_a_body(|| StatusCode::NO_CONTENT).await,
        (204, AS_ESTIMATED)
    );
    assert_eq!(
        left_without_a_body(|| StatusCode::NOT_MODIFIED).await,
        (304, AS_ESTIMATED)
    );
    assert_eq!(left_without_a_body(|| "").await, (200, AS_ESTIMATED));
}

/// Returns the head that a client of a real connection gets, and the tokens that are left.
async fn over_a_connection(method: &str, answer: fn() -> Response<Body>) -> (String, i64) {
    let (limiter, _) = memory();
    let address = sockets::serve(app(layer(&limiter, watching()), answer)).await;
    let head = sockets::head(address, method).await;
    (head, alices_tokens(&limiter).await)
}

#[tokio::test]
async fn servers_see_the_size_and_end_of_the_inner_body() {
    let hello: fn() -> _ = || Response::new(Body::from("hi"));
    let (head, _) = over_a_connection("GET", hello).await;
    assert!(
        head.contains("content-length: 2\r\n") && !head.contains("chunked"),
        "{head}"
    );
    let (head, left) = over_a_connection("HEAD", hello).await;
    assert!(head.contains("content-length: 2\r\n"), "{head}");
    assert_eq!(left, AS_ESTIMATED, "nothing has come");
    let (head, left) = over_a_connection("GET", || Response::new(Body::empty())).await;
    assert!(head.contains("content-length: 0\r\n"), "{head}");
    assert_eq!(left, AS_ESTIMATED);
    let (head, left) = over_a_connection("GET", || {
        Response::builder().status(204).body(Body::empty()).unwrap()
    })
    .await;
    assert!(
        !head.contains("content-length") && !head.contains("chunked"),
        "{head}"
    );
    assert_eq!(left, AS_ESTIMATED);
}

/// A body that yields two bytes and then panics.
#[derive(Default)]
struct Panics(bool);

impl http_body::Body for Panics {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.0, true) {
            panic!("in the body");
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"hi")))))
    }
}

#[tokio::test]
async fn a_watched_body_that_panics_commits_the_lease() {
    let (limiter, _) = memory();
    let inner = tower::service_fn(|_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(Panics::default())))
    });
    let mut body = layer(&limiter, watching())
        .layer(inner)
        .oneshot(from("alice"))
        .await
        .unwrap()
        .into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hi");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        poll_once(std::pin::pin!(next(&mut body))).is_ready()
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the body"));
    drop(body);
    assert_eq!(
        alices_tokens(&limiter).await,
        COMMITTED,
        "as a body that fails"
    );
}

#[tokio::test]
async fn a_watched_body_that_panics_in_a_server_commits_the_lease() {
    let (limiter, _) = memory();
    let address = sockets::serve(app(layer(&limiter, watching()), || {
        Body::new(Panics::default())
    }))
    .await;
    let mut stream = sockets::send(address, "GET").await;
    let mut read = Vec::new();
    // The panic closes the connection.
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut read).await;
    while alices_tokens(&limiter).await == AS_ESTIMATED {
        tokio::task::yield_now().await;
    }
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}
