//! Each body whose data can be made from bytes is accepted.

use std::convert::Infallible;

use axum::body::Body;
use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use tollgate::Limit;
use tower::{Layer, ServiceExt};

use crate::world::{from, layer, memory, per_user};

/// Grants one request and denies the next. Returns the bodies of both answers.
async fn answers<B>(body: impl Fn() -> B + Clone) -> [Bytes; 2]
where
    B: http_body::Body<Data: From<Bytes>, Error: std::fmt::Debug>,
{
    let inner = tower::service_fn(move |_: Request<Body>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(body())))
    });
    let service = layer(&memory().0, per_user(Limit::per_hour("rph", 1))).layer(inner);
    let granted = service.clone().oneshot(from("alice")).await.unwrap();
    let denied = service.oneshot(from("alice")).await.unwrap();
    assert_eq!(denied.status(), 429);
    [
        granted.into_body().collect().await.unwrap().to_bytes(),
        denied.into_body().collect().await.unwrap().to_bytes(),
    ]
}

fn is_problem(bytes: &[u8]) -> bool {
    bytes.starts_with(br#"{"type":"#) && bytes.ends_with(b"}")
}

#[tokio::test]
async fn a_full_body_is_accepted() {
    let [granted, denied] = answers(|| Full::<Bytes>::from("hello")).await;
    assert!(granted == "hello" && is_problem(&denied));
}

#[tokio::test]
async fn an_empty_body_is_accepted() {
    let [granted, denied] = answers(Empty::<Bytes>::new).await;
    assert!(granted.is_empty() && is_problem(&denied));
}

#[tokio::test]
async fn the_body_of_axum_is_accepted() {
    let [granted, denied] = answers(|| Body::from("hello")).await;
    assert!(granted == "hello" && is_problem(&denied));
}

#[tokio::test]
async fn a_boxed_body_is_accepted() {
    let [granted, denied] =
        answers(|| BoxBody::<Bytes, Infallible>::new(Full::from("hello"))).await;
    assert!(granted == "hello" && is_problem(&denied));
}

/// Data that is not `Bytes`.
struct Chunk(Bytes);

impl From<Bytes> for Chunk {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

#[tokio::test]
async fn a_body_of_other_data_is_accepted() {
    let [granted, denied] = answers(|| Full::new(Chunk(Bytes::from("hello")))).await;
    assert!(granted == "hello" && is_problem(&denied));
}
