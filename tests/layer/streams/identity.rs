//! Frames that rules read pass through unchanged, in the same poll.

use std::{collections::VecDeque, convert::Infallible};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use proptest::{collection::vec, prelude::*};
use tollgate::layer::{PolicyBuilder, Settle, TopUp, Usage};
use tower::{Layer, Service};

use crate::{
    pass_through::{Scripted, Step, poll},
    world::{from, layer, memory, poll_once, ten_tokens},
};

/// Returns a policy with every rule that reads a body.
fn watching() -> PolicyBuilder {
    ten_tokens()
        .settle("tpm", Settle::bytes(|bytes| bytes))
        .settle("tpm", Settle::events(|events| events))
        .settle("tpm", Settle::usage(Usage::total()))
        .settle("tpm", Settle::usage(Usage::pointers(["/a/0", "/b"])).add())
        .settle("tpm", Settle::trailer("x-used"))
        .top_up(TopUp::steps(10))
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let json =
        "(data: |\\{\"usage\":|\"total_tokens\":|[0-9]{1,20}|[{}\\[\\]\",:\n\r ü\\\\]){0,20}";
    prop_oneof![
        vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        json.prop_map(Bytes::from)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let trailers = vec(("[a-z]{1,3}|x-used", "[0-9]{0,4}"), 0..3).prop_map(|pairs| {
        let mut trailers = HeaderMap::new();
        for (name, value) in pairs {
            let name: http::HeaderName = name.parse().unwrap();
            trailers.append(name, HeaderValue::try_from(value).unwrap());
        }
        Step::Trailers(trailers)
    });
    prop_oneof![
        10 => bytes().prop_map(Step::Data),
        3 => Just(Step::Pending),
        1 => trailers,
        1 => Just(Step::Error("torn".to_owned())),
    ]
}

proptest! {
    #[test]
    fn watched_frames_pass_unchanged_step_by_step(
        steps in vec(step(), 0..12),
        kind in proptest::sample::select(&["text/event-stream", "application/json", "text/plain", "application/grpc"][..]),
    ) {
        let script = VecDeque::from(steps.clone());
        let body = std::cell::RefCell::new(Some(script.clone()));
        let inner = tower::service_fn(|_: Request<AxumBody>| {
            let steps = body.borrow_mut().take().unwrap();
            let response = Response::builder().header("content-type", kind).body(Scripted { steps, _lease: None });
            std::future::ready(Ok::<_, Infallible>(response.unwrap()))
        });
        let (limiter, _) = memory();
        let mut service = layer(&limiter, watching()).layer(inner);
        let std::task::Poll::Ready(Ok(response)) = poll_once(std::pin::pin!(service.call(from("alice")))) else {
            panic!("nothing in memory waits")
        };
        let (mut body, mut alone) = (response.into_body(), Scripted { steps: script, _lease: None });
        for step in steps.iter().chain([&Step::End]) {
            prop_assert_eq!(body.is_end_stream(), alone.is_end_stream());
            prop_assert_eq!(body.size_hint().lower(), alone.size_hint().lower());
            prop_assert_eq!(body.size_hint().upper(), alone.size_hint().upper());
            prop_assert_eq!(&poll(&mut body), step);
            poll(&mut alone);
        }
    }
}

/// Servers need this to set a length, or to leave the body out.
#[tokio::test]
async fn lengths_and_ends_are_those_of_the_inner_body() {
    for text in ["", "hello"] {
        let (limiter, _) = memory();
        let inner = tower::service_fn(|_: Request<AxumBody>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(
                http_body_util::Full::new(Bytes::from_static(text.as_bytes())),
            )))
        });
        let body = layer(&limiter, watching())
            .layer(inner)
            .call(from("alice"))
            .await
            .unwrap()
            .into_body();
        assert_eq!(
            (body.is_end_stream(), body.size_hint().exact()),
            (text.is_empty(), Some(text.len() as u64))
        );
    }
}
