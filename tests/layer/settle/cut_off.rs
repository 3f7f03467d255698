//! Streams that end, or whose clients disconnect, before they have reported the usage.

use std::io;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http_body::Frame;
use tollgate::{
    RateLimiter,
    layer::{PolicyBuilder, Settle, Usage},
};

use crate::{
    bodies::{Feed, fed, next, once},
    events::Events,
    world::{alices_tokens, app, ask, from, layer, memory, per_user, tokens},
};

/// The way in which a stream ends.
#[derive(Clone, Copy, Debug)]
enum Over {
    ClientGoes,
    Fails,
    Ends,
}

/// The tokens of the prompt, which the handler knows.
#[derive(Clone)]
struct Prompt(u64);

async fn streaming(
    limiter: &RateLimiter,
    policy: PolicyBuilder,
    prompt: Option<u64>,
) -> (Body, Feed) {
    let (feed, body) = fed();
    let body = once(body);
    let app = app(layer(limiter, policy), move || {
        let mut response = Response::builder().header("content-type", "text/event-stream");
        if let Some(tokens) = prompt {
            response = response.extension(Prompt(tokens));
        }
        response.body(Body::new(body())).unwrap()
    });
    (ask(&app, from("alice")).await.into_body(), feed)
}

/// Returns what was charged at the end of a stream with these pieces.
async fn charged(
    rules: &[Settle],
    cost: u64,
    prompt: Option<u64>,
    pieces: &[&str],
    over: Over,
) -> i64 {
    let (limiter, _) = memory();
    let policy = per_user(tokens()).cost("tpm", cost);
    let policy = rules
        .iter()
        .fold(policy, |policy, rule| policy.settle("tpm", rule.clone()));
    let (mut body, feed) = streaming(&limiter, policy, prompt).await;
    for piece in pieces {
        feed.send(Ok(Frame::data(Bytes::copy_from_slice(piece.as_bytes()))))
            .unwrap();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), piece.as_bytes());
    }
    match over {
        Over::ClientGoes => drop(body),
        Over::Fails => {
            feed.send(Err(io::Error::other("torn"))).unwrap();
            assert!(next(&mut body).await.unwrap().is_err());
        }
        Over::Ends => {
            drop(feed);
            assert!(next(&mut body).await.is_none());
        }
    }
    100 - alices_tokens(&limiter).await
}

/// Returns what was charged if the stream is cut off, which is the same for a client that
/// disconnects and a service that fails.
async fn cut(rules: &[Settle], cost: u64, prompt: Option<u64>, pieces: &[&str]) -> i64 {
    let gone = charged(rules, cost, prompt, pieces, Over::ClientGoes).await;
    assert_eq!(
        charged(rules, cost, prompt, pieces, Over::Fails).await,
        gone,
        "{rules:?} {pieces:?}"
    );
    gone
}

const TOKEN: &str = "data: {\"delta\":\"word \",\"usage\":null}\n\n";
const PING: &str = ": ping\n\n";

/// The start of an Anthropic message: 20 input tokens.
const START: &str = concat!(
    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":11,",
    "\"cache_creation_input_tokens\":4,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n",
);
/// The end of the message: 7 output tokens.
const DELTA: &str = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}\n\n";

fn total() -> [Settle; 1] {
    [Settle::usage(Usage::total())]
}

#[tokio::test]
async fn a_stream_cut_off_before_its_usage_keeps_the_estimate() {
    for pieces in [
        &[][..],
        &[TOKEN],
        &[TOKEN, PING, TOKEN, "data: {\"usage\":{\"total_tokens\":3"],
    ] {
        assert_eq!(cut(&total(), 10, None, pieces).await, 10, "{pieces:?}");
    }
    let usage =
        "data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1,\"total_tokens\":3}}\n\n";
    assert_eq!(
        cut(&total(), 10, None, &[TOKEN, usage]).await,
        3,
        "only the end was missed"
    );
}

#[tokio::test]
async fn a_part_of_the_usage_does_not_lower_the_charge() {
    for rule in [Usage::total(), Usage::output()] {
        let rules = [Settle::usage(rule)];
        assert_eq!(
            cut(&rules, 50, None, &[START, TOKEN]).await,
            50,
            "the estimate: the tokens out are to come"
        );
    }
    // For input tokens, their number in the first event is final.
    assert_eq!(
        cut(&[Settle::usage(Usage::input())], 50, None, &[START]).await,
        20
    );
    assert_eq!(
        cut(&total(), 10, None, &[START, TOKEN]).await,
        21,
        "more than the estimate"
    );
    assert_eq!(
        cut(&total(), 50, None, &[START, TOKEN, DELTA]).await,
        27,
        "the whole"
    );
    for cost in [10, 50] {
        assert_eq!(
            charged(&total(), cost, None, &[START, TOKEN], Over::Ends).await,
            21,
            "no more is to come"
        );
        assert_eq!(
            charged(&total(), cost, None, &[START, TOKEN, DELTA], Over::Ends).await,
            27
        );
    }
    let both = [Settle::usage(Usage::pointers(["/in", "/out"]))];
    assert_eq!(cut(&both, 10, None, &["data: {\"in\":5}\n\n"]).await, 10);
    assert_eq!(
        cut(
            &both,
            10,
            None,
            &["data: {\"in\":5}\n\n", "data: {\"out\":2}\n\n"]
        )
        .await,
        7
    );
    assert_eq!(
        charged(&both, 10, None, &["data: {\"in\":5}\n\n"], Over::Ends).await,
        5
    );
}

/// Streams of Gemini, xAI and vLLM report with each piece what was used so far.
#[tokio::test]
async fn a_usage_that_grows_counts_as_far_as_it_has_come() {
    let gemini = |usage: &str| {
        format!("data: {{\"usageMetadata\":{{\"promptTokenCount\":12,{usage}}}}}\n\n")
    };
    let before = gemini("\"totalTokenCount\":12");
    let reasoned = gemini("\"thoughtsTokenCount\":6,\"totalTokenCount\":18");
    let first =
        gemini("\"candidatesTokenCount\":1,\"thoughtsTokenCount\":6,\"totalTokenCount\":19");
    for (rule, estimate, pieces, expected) in [
        (Usage::total(), 50, &[&*before, &*reasoned][..], 50),
        (Usage::total(), 10, &[&*before, &*reasoned], 18),
        (Usage::total(), 50, &[&*before, &*reasoned, &*first], 19),
        (Usage::output(), 50, &[&*before, &*reasoned], 50),
        (Usage::output(), 5, &[&*before, &*reasoned], 6),
        (Usage::output(), 50, &[&*before, &*reasoned, &*first], 7),
        (Usage::input(), 50, &[&*before], 12),
    ] {
        assert_eq!(
            cut(&[Settle::usage(rule)], estimate, None, pieces).await,
            expected,
            "{estimate} {pieces:?}"
        );
    }
    let chunk = |used: u64| {
        let total = 12 + used;
        let usage = format!(
            "{{\"prompt_tokens\":12,\"completion_tokens\":{used},\"total_tokens\":{total}}}"
        );
        format!("data: {{\"usage\":{usage}}}\n\n")
    };
    assert_eq!(cut(&total(), 50, None, &[&chunk(0), &chunk(3)]).await, 15);
}

#[tokio::test]
async fn a_stream_without_a_count_yet_keeps_the_estimate() {
    let rules = [
        Settle::events(|events| events),
        Settle::bytes(|bytes| bytes.div_ceil(100)),
    ];
    for rule in rules {
        let rules = [rule];
        assert_eq!(cut(&rules, 10, None, &[]).await, 10);
        assert_eq!(cut(&rules, 10, None, &[TOKEN]).await, 1);
    }
    let events = [Settle::events(|events| events)];
    assert_eq!(
        cut(&events, 10, None, &[PING, "data: be"]).await,
        10,
        "no event has come"
    );
    assert_eq!(
        charged(&events, 10, None, &[PING], Over::Ends).await,
        0,
        "and none will"
    );
}

/// The rules that the guide recommends for gateways.
fn gateway() -> [Settle; 2] {
    [
        Settle::events(|events| events).add(),
        Settle::usage(Usage::total()),
    ]
}

#[tokio::test]
async fn the_counted_amount_is_added_to_the_estimate_of_the_prompt() {
    assert_eq!(cut(&gateway(), 10, None, &[]).await, 10);
    assert_eq!(cut(&gateway(), 10, None, &[TOKEN, TOKEN]).await, 12);
    assert_eq!(
        cut(&gateway(), 10, None, &[START, TOKEN, TOKEN]).await,
        21,
        "what is known of it is more"
    );
    assert_eq!(cut(&gateway(), 20, None, &[START, TOKEN, TOKEN]).await, 23);
    assert_eq!(
        charged(&gateway(), 10, None, &[TOKEN, TOKEN, DELTA], Over::Ends).await,
        7
    );
}

fn on_top_of_the_prompt(rule: Settle) -> Settle {
    rule.add_to(|head| Some(head.extensions.get::<Prompt>()?.0))
}

#[tokio::test]
async fn the_counted_amount_is_added_to_the_prompts_own_amount() {
    let rules = [
        on_top_of_the_prompt(Settle::events(|events| events)),
        Settle::usage(Usage::total()),
    ];
    assert_eq!(
        cut(&rules, 50, Some(5), &[]).await,
        50,
        "nobody knows how far it came"
    );
    assert_eq!(cut(&rules, 50, Some(5), &[TOKEN, TOKEN]).await, 7);
    assert_eq!(
        cut(&rules, 50, None, &[TOKEN, TOKEN]).await,
        52,
        "where there is none, to the estimate"
    );
    let usage = "data: {\"usage\":{\"total_tokens\":30}}\n\n";
    assert_eq!(
        charged(&rules, 50, Some(5), &[TOKEN, TOKEN, usage], Over::Ends).await,
        30
    );
    let events = Events::collect();
    assert_eq!(cut(&rules, 50, Some(u64::MAX), &[TOKEN]).await, 51);
    assert!(
        events.text().contains("larger than any limit"),
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn an_amount_in_a_header_is_added_to_the_estimate_of_the_prompt() {
    for (prompt, expected) in [(Some(5), 35), (None, 40)] {
        let (limiter, _) = memory();
        let rule = on_top_of_the_prompt(Settle::header("x-used"));
        let app = app(
            layer(
                &limiter,
                per_user(tokens()).cost("tpm", 10).settle("tpm", rule),
            ),
            move || {
                let mut response = Response::builder().header("x-used", "30");
                if let Some(tokens) = prompt {
                    response = response.extension(Prompt(tokens));
                }
                response.body(Body::empty()).unwrap()
            },
        );
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
        assert_eq!(alices_tokens(&limiter).await, 100 - expected, "{prompt:?}");
    }
}
