//! The client of a real connection disconnects in the middle of a streamed response, after each
//! possible number of bytes.

use std::net::SocketAddr;

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};
use tollgate::{
    RateLimiter,
    layer::{Settle, Usage},
};

use crate::{
    bodies::{Feed, fed},
    sockets::{self, tasks, until_tasks},
    world::{gated, layer, left, memory, ten_tokens, tokens},
};

const STREAM: &str = concat!(
    "event: a\ndata: {\"usage\":{\"total_tokens\":5}}\n\n",
    "data: {\"x\":\"\\\"usage\\\":{\\\"total_tokens\\\":9}\"}\r\n\r\n",
    "data: {\"usage\":{\"total_tokens\":30}}\n\n",
    "data: [DONE]\n\n",
);

/// Returns what was counted in the first bytes: the last number whose object is complete.
fn counted(bytes: usize) -> i64 {
    let (mut used, mut from) = (10, 0);
    for number in [5, 30] {
        let text = format!("{{\"total_tokens\":{number}}}");
        from += STREAM[from..].find(&text).unwrap() + text.len();
        used = if bytes >= from { number } else { used };
    }
    used
}

/// Serves streams that the test feeds.
async fn serve(limiter: &RateLimiter) -> (SocketAddr, mpsc::UnboundedReceiver<Feed>) {
    let (feeds, fed_now) = mpsc::unbounded_channel();
    let handler = async move || {
        let (feed, body) = fed();
        feeds.send(feed).unwrap();
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(body))
            .unwrap()
    };
    let policy = ten_tokens().settle("tpm", Settle::usage(Usage::total()));
    (
        sockets::serve(
            Router::new()
                .fallback(handler)
                .layer(layer(limiter, policy)),
        )
        .await,
        fed_now,
    )
}

fn request(address: SocketAddr, user: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(format!("http://{address}/"))
        .header("host", "test")
        .header("x-user", user);
    request.body(Empty::new()).unwrap()
}

/// Reads this number of bytes of the body.
async fn read(body: &mut hyper::body::Incoming, mut bytes: usize) {
    while bytes > 0 {
        bytes -= body
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len();
    }
}

struct Http1(SocketAddr);

impl Http1 {
    async fn get(&self, user: &str) -> (hyper::body::Incoming, JoinHandle<hyper::Result<()>>) {
        let stream = TokioIo::new(TcpStream::connect(self.0).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        (
            sender
                .send_request(request(self.0, user))
                .await
                .unwrap()
                .into_body(),
            connection,
        )
    }
}

async fn over_http1(limiter: RateLimiter) {
    let (address, mut feeds) = serve(&limiter).await;
    let idle = tasks();
    for bytes in 0..=STREAM.len() {
        let user = format!("user-{bytes}");
        let (mut body, connection) = Http1(address).get(&user).await;
        let feed = feeds.recv().await.unwrap();
        feed.send(Ok(Frame::data(Bytes::from_static(
            &STREAM.as_bytes()[..bytes],
        ))))
        .unwrap();
        read(&mut body, bytes).await;
        assert_eq!(
            left(&limiter, &user, &tokens()).await,
            90,
            "the body goes on"
        );
        drop(body);
        connection.abort();
        feed.closed().await;
        assert_eq!(
            left(&limiter, &user, &tokens()).await,
            100 - counted(bytes),
            "after {bytes} bytes"
        );
    }
    until_tasks(idle).await;
}

#[tokio::test]
async fn a_client_that_leaves_after_any_byte_is_charged_over_http1_in_memory() {
    over_http1(memory().0).await;
}

#[tokio::test]
async fn a_client_that_leaves_after_any_byte_is_charged_over_http1_through_gates() {
    let (limiter, _) = gated();
    over_http1(limiter.clone()).await;
    limiter.shutdown().await;
}

#[tokio::test]
async fn a_client_that_leaves_after_any_byte_is_charged_over_http2() {
    let (limiter, _) = memory();
    let (address, mut feeds) = serve(&limiter).await;
    let idle = tasks();
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nonblocking(true).unwrap();
    stream.set_nodelay(true).unwrap();
    let plug = stream.try_clone().unwrap();
    let stream = TokioIo::new(TcpStream::from_std(stream).unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    tokio::spawn(connection);
    for bytes in 0..=STREAM.len() {
        let user = format!("user-{bytes}");
        let mut body = sender
            .send_request(request(address, &user))
            .await
            .unwrap()
            .into_body();
        let feed = feeds.recv().await.unwrap();
        feed.send(Ok(Frame::data(Bytes::from_static(
            &STREAM.as_bytes()[..bytes],
        ))))
        .unwrap();
        read(&mut body, bytes).await;
        // The stream is reset, and the connection stays open.
        drop(body);
        feed.closed().await;
        assert_eq!(
            left(&limiter, &user, &tokens()).await,
            100 - counted(bytes),
            "after {bytes} bytes"
        );
    }
    // Then a connection is closed with its streams.
    let mut streams = Vec::new();
    for bytes in [0, STREAM.len() / 2, STREAM.len()] {
        let user = format!("last-{bytes}");
        let mut body = sender
            .send_request(request(address, &user))
            .await
            .unwrap()
            .into_body();
        let feed = feeds.recv().await.unwrap();
        feed.send(Ok(Frame::data(Bytes::from_static(
            &STREAM.as_bytes()[..bytes],
        ))))
        .unwrap();
        read(&mut body, bytes).await;
        streams.push((user, bytes, feed, body));
    }
    plug.shutdown(std::net::Shutdown::Both).unwrap();
    for (user, bytes, feed, _body) in streams {
        feed.closed().await;
        assert_eq!(left(&limiter, &user, &tokens()).await, 100 - counted(bytes));
    }
    drop(sender);
    until_tasks(idle).await;
}

/// The response includes its head, so the client disconnects within the head too.
#[tokio::test]
async fn a_client_that_leaves_within_the_head_is_charged() {
    let (limiter, _) = memory();
    let (address, mut feeds) = serve(&limiter).await;
    let idle = tasks();
    let send = async |user: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: test\r\nx-user: {user}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut whole = send("whole").await;
    let length = sockets::read_until(&mut whole, "\r\n\r\n").await.len();
    drop((whole, feeds.recv().await.unwrap()));
    for bytes in 0..length {
        let user = format!("user-{bytes}");
        let mut stream = send(&user).await;
        let feed = feeds.recv().await.unwrap();
        stream.read_exact(&mut vec![0; bytes]).await.unwrap();
        drop(stream);
        feed.closed().await;
        assert_eq!(
            left(&limiter, &user, &tokens()).await,
            90,
            "after {bytes} bytes"
        );
    }
    until_tasks(idle).await;
}
