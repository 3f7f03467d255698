//! The lease when the client of a real connection disconnects.

use std::{convert::Infallible, sync::mpsc};

use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, sync::mpsc as channel};
use tollgate::{RateLimiter, layer::LeaseHandle};
use tower::Layer;

use super::{AS_ESTIMATED, COMMITTED};
use crate::{
    bodies::{carrying, data, fed},
    sockets,
    world::{Remote, alices_tokens, layer, memory, ten_tokens},
};

async fn before_the_head(limiter: RateLimiter) {
    let (called, mut calls) = channel::unbounded_channel();
    let handler = async move || {
        // This channel is closed when the handler is dropped.
        let (alive, gone) = channel::unbounded_channel::<()>();
        called.send(alive).unwrap();
        std::future::pending::<()>().await;
        drop(gone);
    };
    let address = sockets::serve(
        Router::new()
            .route("/", get(handler))
            .layer(layer(&limiter, ten_tokens())),
    )
    .await;
    let stream = sockets::send(address, "GET").await;
    let alive = calls.recv().await.unwrap();
    assert!(!alive.is_closed());
    drop(stream);
    alive.closed().await;
    limiter.shutdown().await;
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_charged_in_memory() {
    before_the_head(memory().0).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_charged_over_dynamodb() {
    before_the_head(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_client_that_leaves_during_the_body_is_charged() {
    let (limiter, _) = memory();
    let (send, receive) = mpsc::channel();
    let handler = async move |lease: LeaseHandle| {
        lease.settle("tpm", 30).unwrap();
        let (feed, body) = carrying(lease);
        send.send(feed).unwrap();
        Body::new(body)
    };
    let address = sockets::serve(
        Router::new()
            .route("/", get(handler))
            .layer(layer(&limiter, ten_tokens())),
    )
    .await;
    let mut stream = sockets::send(address, "GET").await;
    sockets::read_until(&mut stream, "\r\n\r\n").await;
    let feed = receive.recv().unwrap();
    feed.send(data("half")).unwrap();
    sockets::read_until(&mut stream, "half").await;
    assert_eq!(
        alices_tokens(&limiter).await,
        AS_ESTIMATED,
        "the body goes on"
    );
    drop(stream);
    feed.closed().await;
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn the_lease_of_a_head_request_ends_with_the_head() {
    let (limiter, _) = memory();
    let (send, receive) = mpsc::channel();
    let inner = tower::service_fn(move |request: Request<Incoming>| {
        let lease = request.extensions().get::<LeaseHandle>().unwrap().clone();
        lease.settle("tpm", 30).unwrap();
        // The body never ends by itself, and the server never polls it.
        let (feed, body) = fed();
        send.send((feed, lease)).unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let service = TowerToHyperService::new(layer(&limiter, ten_tokens()).layer(inner));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await
    });
    let mut stream = sockets::send(address, "HEAD").await;
    sockets::read_until(&mut stream, "\r\n\r\n").await;
    let (feed, lease) = receive.recv().unwrap();
    feed.closed().await;
    assert_eq!(
        alices_tokens(&limiter).await,
        AS_ESTIMATED,
        "a handle is left"
    );
    drop(lease);
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}
