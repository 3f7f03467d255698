//! The lease if the connection is upgraded from HTTP.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::get};
use http::{Request, Response, StatusCode};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tollgate::layer::{LeaseHandle, PolicyBuilder, Settle, TopUp, Usage};
use tower::Layer;

use super::{AS_ESTIMATED, COMMITTED};
use crate::{
    sockets,
    world::{alices_tokens, layer, memory, ten_tokens},
};

/// Returns a policy with rules for a body that the response does not have.
fn policy() -> PolicyBuilder {
    ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .settle("tpm", Settle::bytes(|bytes| bytes + 50))
        .settle("tpm", Settle::usage(Usage::total()))
        .top_up(TopUp::steps(10))
}

/// Echoes what the client sends until the client disconnects, and then notifies the channel.
fn echo<B: Send + 'static>(
    request: Request<B>,
    carried: impl Send + 'static,
    gone: mpsc::UnboundedSender<()>,
) where
    Request<B>: Send,
{
    tokio::spawn(async move {
        let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
        let mut bytes = [0; 4];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&bytes).await.unwrap();
        }
        drop(carried);
        gone.send(()).unwrap();
    });
}

async fn ping(stream: &mut TcpStream) {
    stream.write_all(b"ping").await.unwrap();
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"ping");
}

/// Opens a websocket. The upgraded connection holds the lease if `held`.
async fn websocket(
    held: bool,
) -> (
    TcpStream,
    tollgate::RateLimiter,
    mpsc::UnboundedReceiver<()>,
) {
    let (limiter, _) = memory();
    let (gone, is_gone) = mpsc::unbounded_channel();
    let handler = async move |request: axum::extract::Request| {
        let lease = request.extensions().get::<LeaseHandle>().unwrap().clone();
        echo(request, held.then_some(lease), gone);
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let response = response
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        response.header("x-used", "30").body(Body::empty()).unwrap()
    };
    let address = sockets::serve(
        Router::new()
            .route("/", get(handler))
            .layer(layer(&limiter, policy())),
    )
    .await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nhost: test\r\nx-user: alice\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let head = sockets::read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    ping(&mut stream).await;
    (stream, limiter, is_gone)
}

#[tokio::test]
async fn the_lease_of_an_upgrade_is_committed_with_the_head() {
    let (mut stream, limiter, mut gone) = websocket(false).await;
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
    ping(&mut stream).await;
    drop(stream);
    gone.recv().await.unwrap();
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn the_upgraded_connection_can_hold_the_lease() {
    let (mut stream, limiter, mut gone) = websocket(true).await;
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    ping(&mut stream).await;
    drop(stream);
    gone.recv().await.unwrap();
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}

#[tokio::test]
async fn the_lease_of_a_tunnel_is_committed_with_the_head() {
    let (limiter, _) = memory();
    let (gone, mut is_gone) = mpsc::unbounded_channel();
    let inner = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        assert_eq!(request.method(), http::Method::CONNECT);
        echo(request, (), gone.clone());
        std::future::ready(Ok::<_, Infallible>(
            Response::builder()
                .header("x-used", "30")
                .body(Body::empty())
                .unwrap(),
        ))
    });
    let service = TowerToHyperService::new(layer(&limiter, policy()).layer(inner));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        connection.with_upgrades().await
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"CONNECT test:443 HTTP/1.1\r\nhost: test:443\r\nx-user: alice\r\n\r\n")
        .await
        .unwrap();
    let head = sockets::read_until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    ping(&mut stream).await;
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
    drop(stream);
    is_gone.recv().await.unwrap();
    assert_eq!(alices_tokens(&limiter).await, COMMITTED);
}
