//! The usage in answers of language model providers.

mod bodies;
mod decoys;
mod fields;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http_body::Frame;
use proptest::prelude::*;
use tollgate::{
    Limit,
    layer::{Settle, Usage},
};

use self::bodies::answers;
use crate::{
    bodies::{collect, fed, once},
    world::{app, ask, from, layer, left, memory, per_user},
};

const FULL: u64 = 1_000_000_000;
/// The charge of each limit if the body reports nothing. No answer uses exactly this amount.
const ESTIMATE: u64 = 777;

/// Returns the usage in a body with these pieces: total, input, input without cache reads, and
/// output.
async fn used<'a>(kind: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> [Option<u64>; 4] {
    let (limiter, _) = memory();
    let rules = [
        ("total", Usage::total()),
        ("input", Usage::input()),
        ("fresh", Usage::input_without_cache_reads()),
        ("output", Usage::output()),
    ];
    let limits = rules
        .each_ref()
        .map(|(name, _)| Limit::per_hour(*name, FULL));
    let policy = limits
        .iter()
        .skip(1)
        .fold(per_user(limits[0].clone()), |policy, limit| {
            policy.limit(limit.clone())
        });
    let policy = rules.into_iter().fold(policy, |policy, (name, usage)| {
        policy
            .cost(name, ESTIMATE)
            .settle(name, Settle::usage(usage))
    });
    let (feed, body) = fed();
    for piece in pieces {
        feed.send(Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .unwrap();
    }
    drop(feed);
    let (body, kind) = (once(body), kind.to_owned());
    let app = app(layer(&limiter, policy), move || {
        Response::builder()
            .header("content-type", &kind)
            .body(Body::new(body()))
            .unwrap()
    });
    collect(ask(&app, from("alice")).await.into_body())
        .await
        .unwrap();
    let mut used = [None; 4];
    for (used, limit) in used.iter_mut().zip(&limits) {
        let charged = FULL - u64::try_from(left(&limiter, "alice", limit).await).unwrap();
        *used = Some(charged).filter(|charged| *charged != ESTIMATE);
    }
    used
}

/// Returns the same bytes in pieces of these lengths, repeated.
fn pieces<'a>(mut left: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let (piece, rest) = left.split_at((*lengths.next()?).min(left.len()));
        left = rest;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// Returns the usage in a JSON document in one piece.
async fn of_json(body: &str) -> [Option<u64>; 4] {
    used("application/json", [body.as_bytes()]).await
}

/// Returns the usage in server-sent events in one piece.
async fn of_events(events: &[&str]) -> [Option<u64>; 4] {
    let stream: String = events
        .iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect();
    used("text/event-stream", [stream.as_bytes()]).await
}

#[tokio::test]
async fn every_provider_is_counted() {
    for answer in answers("Hello.") {
        assert_eq!(
            used(answer.kind, [&answer.body[..]]).await,
            answer.used,
            "{}, {}",
            answer.name,
            answer.kind
        );
    }
}

#[tokio::test]
async fn the_usage_is_the_same_wherever_the_body_is_cut_into_frames() {
    for answer in answers("Hello.") {
        for size in 1..9 {
            let used = used(answer.kind, answer.body.chunks(size)).await;
            assert_eq!(
                used, answer.used,
                "{}, {}, {size} bytes at once",
                answer.name, answer.kind
            );
        }
        for at in (0..answer.body.len()).step_by(5) {
            let (first, second) = answer.body.split_at(at);
            let used = used(answer.kind, [first, second]).await;
            assert_eq!(
                used, answer.used,
                "{}, {}, cut at {at}",
                answer.name, answer.kind
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_usage_is_the_same_whatever_the_model_says(
        said in ".{0,40}|(\"|\\\\|:|,|9|[{}\\[\\]]|usage|total_tokens|data: |\n){0,30}",
        lengths in proptest::collection::vec(1usize..40, 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for answer in answers(&said) {
            let used = runtime.block_on(used(answer.kind, pieces(&answer.body, &lengths)));
            prop_assert_eq!(used, answer.used, "{}, {}", answer.name, answer.kind);
        }
    }
}
