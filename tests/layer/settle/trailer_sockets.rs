//! Trailers over real connections, with both protocols.

use std::net::SocketAddr;

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tollgate::{RateLimiter, layer::Settle};

use crate::{
    bodies::{data, fed},
    sockets,
    world::{gated, header_map, layer, left, memory, ten_tokens, tokens},
};

/// Answers with the trailers `x-used: 30` and `x-else: 1`. HTTP/1 must announce trailers, and sends
/// none after a body of known length.
async fn answer() -> Response<Body> {
    let (feed, body) = fed();
    feed.send(data("hello")).unwrap();
    feed.send(Ok(Frame::trailers(header_map(&[
        ("x-used", b"30"),
        ("x-else", b"1"),
    ]))))
    .unwrap();
    Response::builder()
        .header("trailer", "x-used, x-else")
        .body(Body::new(body))
        .unwrap()
}

/// Returns the trailers that a client gets with this protocol.
async fn trailers(
    address: SocketAddr,
    version: Version,
    user: &str,
    wanted: bool,
) -> Option<HeaderMap> {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http();
    let mut request = Request::get(format!("http://{address}/")).header("x-user", user);
    if wanted {
        request = request.header("te", "trailers");
    }
    let response = client
        .request(request.body(Empty::<Bytes>::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), response.version()),
        (200, version)
    );
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned();
    assert_eq!(collected.to_bytes(), "hello");
    trailers
}

async fn settled(limiter: RateLimiter) {
    let used = || Settle::trailer("x-used");
    for (rule, names) in [
        (used(), &["x-else", "x-used"][..]),
        (used().strip(), &["x-else"]),
    ] {
        let app = Router::new()
            .route("/", get(answer))
            .layer(layer(&limiter, ten_tokens().settle("tpm", rule.clone())));
        let address = sockets::serve(app).await;
        for (version, user) in [(Version::HTTP_11, "one"), (Version::HTTP_2, "two")] {
            for wanted in [true, false] {
                let user = format!("{user}-{wanted}-{}", names.len());
                let seen = trailers(address, version, &user, wanted)
                    .await
                    .unwrap_or_default();
                let mut seen: Vec<_> = seen.keys().map(|name| name.as_str()).collect();
                seen.sort_unstable();
                // HTTP/1 sends trailers only to a client that asks for them. Their values are
                // settled in any case.
                let expected = if wanted || version == Version::HTTP_2 {
                    names
                } else {
                    &[]
                };
                assert_eq!(seen, expected, "{version:?} {rule:?}");
                while left(&limiter, &user, &tokens()).await == 90 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(
                    left(&limiter, &user, &tokens()).await,
                    70,
                    "{version:?} {rule:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn trailers_settle_over_sockets_in_memory() {
    settled(memory().0).await;
}

#[tokio::test]
async fn trailers_settle_over_sockets_through_gates() {
    settled(gated().0).await;
}
