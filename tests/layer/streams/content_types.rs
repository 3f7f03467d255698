//! Kinds of bodies that are read, and kinds that are not.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tollgate::layer::{Settle, Usage};
use tower::{Layer, ServiceExt};

use super::left_at_the_end;
use crate::{
    bodies::collect,
    events::Events,
    world::{alices_tokens, app, ask, from, layer, memory, ten_tokens},
};

const USAGE: &str = "{\"usage\":{\"total_tokens\":30}}";

fn total() -> Settle {
    Settle::usage(Usage::total())
}

async fn encoded(coding: &'static str, rule: Settle) -> (i64, String) {
    let events = Events::collect();
    let (limiter, _) = memory();
    let app = app(
        layer(&limiter, ten_tokens().settle("tpm", rule)),
        move || {
            (
                [
                    ("content-type", "application/json"),
                    ("content-encoding", coding),
                ],
                USAGE,
            )
        },
    );
    let (data, _) = collect(ask(&app, from("alice")).await.into_body())
        .await
        .unwrap();
    assert_eq!(data, USAGE.as_bytes());
    (alices_tokens(&limiter).await, events.text())
}

#[tokio::test]
async fn an_encoded_body_is_not_read_and_that_is_reported_once() {
    for coding in ["gzip", "br", "zstd", "identity, gzip", "nonsense"] {
        let (left, events) = encoded(coding, total()).await;
        assert_eq!(
            (left, events.matches("it has a content-encoding").count()),
            (90, 1),
            "{events}"
        );
    }
    for coding in ["identity", "Identity"] {
        let (left, events) = encoded(coding, total()).await;
        assert_eq!((left, events.contains("ignored")), (70, false));
    }
    // Counting bytes does not need to read the encoded body.
    let (left, events) = encoded("gzip", Settle::bytes(|bytes| bytes)).await;
    assert_eq!(
        (left, events.contains("ignored")),
        (100 - USAGE.len() as i64, false)
    );
}

#[tokio::test]
async fn bodies_of_other_content_types_are_not_read() {
    let events = Events::collect();
    for kind in [
        "text/plain",
        "text/html",
        "application/octet-stream",
        "application/jsonp",
        "",
    ] {
        assert_eq!(left_at_the_end(total(), kind, USAGE).await, 90, "{kind}");
    }
    assert!(!events.text().contains("ignored"));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_reported_once() {
    let events = Events::collect();
    assert_eq!(
        left_at_the_end(
            total(),
            "application/json",
            &format!("<html>{USAGE}{USAGE}")
        )
        .await,
        90
    );
    assert_eq!(
        events.text().matches("it is no JSON").count(),
        1,
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn invalid_numbers_are_reported_once() {
    for (bad, reason) in [
        ("-5", "not a whole number"),
        ("1.5", "not a whole number"),
        ("1e3", "not a whole number"),
    ]
    .into_iter()
    .chain([
        ("1000000000000000", "larger than any limit"),
        ("99999999999999999999999", "larger than any limit"),
    ]) {
        let events = Events::collect();
        let body = format!("{{\"usage\":{{\"total_tokens\":{bad}}}}}\n").repeat(3);
        assert_eq!(
            left_at_the_end(total(), "application/json", &body).await,
            90,
            "{bad}"
        );
        assert_eq!(
            events.text().matches(reason).count(),
            1,
            "{bad}: {}",
            events.text()
        );
    }
}

#[tokio::test]
async fn a_value_in_place_of_a_number_is_reported_once() {
    for odd in ["\"30\"", "true", "[30]", "{\"a\":30}", "false"] {
        let events = Events::collect();
        let body = format!("{{\"usage\":{{\"total_tokens\":{odd}}}}}\n").repeat(3);
        assert_eq!(
            left_at_the_end(total(), "application/json", &body).await,
            90,
            "{odd}"
        );
        assert_eq!(
            events.text().matches("not a whole number").count(),
            1,
            "{odd}: {}",
            events.text()
        );
    }
    // A number that is absent is not logged.
    let events = Events::collect();
    let body = "{\"usage\":{\"total_tokens\":null,\"other\":\"30\"},\"total_tokens\":\"30\"}";
    assert_eq!(left_at_the_end(total(), "application/json", body).await, 90);
    assert!(!events.text().contains("ignored"), "{}", events.text());
}

#[tokio::test]
async fn an_absurd_amount_of_a_closure_keeps_the_estimate() {
    for rule in [
        Settle::bytes(|_| u64::MAX),
        Settle::bytes(|_| u64::MAX).add(),
    ] {
        let events = Events::collect();
        let pieces = [&b"one"[..], b"two", b"three"];
        assert_eq!(
            super::left_after(rule, "text/plain", &pieces).await.last(),
            Some(&90)
        );
        assert_eq!(
            events.text().matches("larger than any limit").count(),
            1,
            "{}",
            events.text()
        );
    }
    // The same for a sum of numbers that are valid by themselves.
    let events = Events::collect();
    let body = "{\"usage\":{\"input_tokens\":999999999999999,\"output_tokens\":1}}";
    assert_eq!(left_at_the_end(total(), "application/json", body).await, 90);
    assert_eq!(
        events.text().matches("larger than any limit").count(),
        1,
        "{}",
        events.text()
    );
}

/// Data in several pieces. If `holed`, `chunks_vectored` does not return all of them.
struct Pieces {
    pieces: Vec<Bytes>,
    holed: bool,
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        Self {
            pieces: vec![bytes],
            holed: false,
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces
            .iter()
            .find(|piece| !piece.is_empty())
            .map_or(&[], |piece| &piece[..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let shown = if self.holed { 1 } else { self.pieces.len() };
        let pieces = slices.iter_mut().zip(self.pieces.iter().take(shown));
        pieces
            .map(|(slice, piece)| *slice = std::io::IoSlice::new(piece))
            .count()
    }

    fn advance(&mut self, _: usize) {
        panic!("the layer only looks")
    }
}

/// A stream over an iterator.
struct Iter<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

async fn left_by_pieces(count: usize, holed: bool) -> (i64, String) {
    let events = Events::collect();
    let (limiter, _) = memory();
    let inner = tower::service_fn(move |_: Request<Body>| async move {
        let pieces = USAGE
            .as_bytes()
            .chunks(USAGE.len().div_ceil(count))
            .map(Bytes::from_static)
            .collect();
        let frames = vec![Ok::<_, std::convert::Infallible>(Frame::data(Pieces {
            pieces,
            holed,
        }))];
        let body = StreamBody::new(Iter(frames.into_iter()));
        Response::builder()
            .header("content-type", "application/json")
            .body(body)
    });
    let response = layer(&limiter, ten_tokens().settle("tpm", total()))
        .layer(inner)
        .oneshot(from("alice"))
        .await
        .unwrap();
    let mut body = std::pin::pin!(response.into_body());
    while std::future::poll_fn(|context| http_body::Body::poll_frame(body.as_mut(), context))
        .await
        .is_some()
    {}
    (alices_tokens(&limiter).await, events.text())
}

#[tokio::test]
async fn frames_of_a_bounded_number_of_pieces_are_read() {
    assert_eq!(left_by_pieces(1, false).await.0, 70);
    assert_eq!(left_by_pieces(10, false).await.0, 70);
    for (count, holed) in [(10, true), (USAGE.len(), false)] {
        let (left, events) = left_by_pieces(count, holed).await;
        assert_eq!(
            (left, events.matches("too many pieces").count()),
            (90, 1),
            "{events}"
        );
    }
}
