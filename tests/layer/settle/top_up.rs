//! More tokens are charged while the body is streamed.

use std::{io, pin::Pin, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame};
use tollgate::{
    RateLimiter,
    layer::{Anthropic, OpenAi, PolicyBuilder, Settle, TopUp},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use crate::{
    bodies::{Feed, collect, fed, next, once},
    world::{Remote, alices_tokens, app, ask, from, gated, layer, memory, poll_once, ten_tokens},
};

const EVENT: &str = "data: x\n\n";

/// A token for each event.
fn by_events() -> PolicyBuilder {
    ten_tokens().settle("tpm", Settle::events(|events| events))
}

async fn streaming(
    limiter: &RateLimiter,
    policy: PolicyBuilder,
    kind: &'static str,
) -> (Body, Feed) {
    let (feed, body) = fed();
    let body = once(body);
    let app = app(layer(limiter, policy), move || {
        Response::builder()
            .header("content-type", kind)
            .body(Body::new(body()))
            .unwrap()
    });
    (ask(&app, from("alice")).await.into_body(), feed)
}

fn send(feed: &Feed, text: &str) {
    feed.send(Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes()))))
        .unwrap();
}

/// Sends this number of events at once, and reads them.
async fn pass(body: &mut Body, feed: &Feed, events: usize) {
    send(feed, &EVENT.repeat(events));
    assert_eq!(
        next(body).await.unwrap().unwrap().len(),
        events * EVENT.len()
    );
}

/// Polls until the background task has done what it can.
async fn settle_down(body: &mut Body) {
    for _ in 0..100 {
        assert!(poll_once(Pin::new(&mut std::pin::pin!(next(&mut *body)))).is_pending());
        tokio::task::yield_now().await;
    }
}

async fn more_is_charged_as_it_goes(limiter: RateLimiter) {
    let (mut body, feed) = streaming(
        &limiter,
        by_events().top_up(TopUp::steps(20)),
        "text/event-stream",
    )
    .await;
    pass(&mut body, &feed, 10).await;
    settle_down(&mut body).await;
    assert_eq!(alices_tokens(&limiter).await, 90, "as charged");
    pass(&mut body, &feed, 1).await;
    settle_down(&mut body).await;
    assert_eq!(alices_tokens(&limiter).await, 70, "one step");
    pass(&mut body, &feed, 50).await;
    settle_down(&mut body).await;
    assert_eq!(
        alices_tokens(&limiter).await,
        39,
        "all that is lacking, where that is more"
    );
    drop(feed);
    assert!(next(&mut body).await.is_none());
    assert_eq!(alices_tokens(&limiter).await, 39);
}

#[tokio::test]
async fn a_stream_is_topped_up_as_it_goes_in_memory() {
    more_is_charged_as_it_goes(memory().0).await;
}

#[tokio::test]
async fn a_stream_is_topped_up_as_it_goes_through_gates() {
    more_is_charged_as_it_goes(gated().0).await;
}

#[tokio::test]
async fn an_unused_top_up_is_given_back() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(
        &limiter,
        by_events().top_up(TopUp::steps(50)),
        "text/event-stream",
    )
    .await;
    pass(&mut body, &feed, 12).await;
    assert_eq!(alices_tokens(&limiter).await, 40);
    drop(feed);
    assert!(next(&mut body).await.is_none());
    assert_eq!(alices_tokens(&limiter).await, 88);
}

#[tokio::test]
async fn a_stream_without_top_up_leaves_a_debt() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter, by_events(), "text/event-stream").await;
    pass(&mut body, &feed, 150).await;
    assert_eq!(alices_tokens(&limiter).await, 90);
    drop(body);
    assert_eq!(alices_tokens(&limiter).await, -50);
}

#[tokio::test]
async fn a_denied_stream_goes_on_and_becomes_debt() {
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(
        &limiter,
        by_events().top_up(TopUp::steps(20)),
        "text/event-stream",
    )
    .await;
    pass(&mut body, &feed, 90).await;
    pass(&mut body, &feed, 30).await;
    pass(&mut body, &feed, 30).await;
    drop(feed);
    assert!(next(&mut body).await.is_none());
    assert_eq!(alices_tokens(&limiter).await, -50);
}

async fn a_denied_stream_is_ended(limiter: RateLimiter) {
    let policy = by_events().top_up(TopUp::steps(30).end_stream());
    let (mut body, feed) = streaming(&limiter, policy, "text/event-stream").await;
    pass(&mut body, &feed, 85).await;
    settle_down(&mut body).await;
    // The bucket has less than a step left, but enough for these events.
    pass(&mut body, &feed, 10).await;
    settle_down(&mut body).await;
    pass(&mut body, &feed, 10).await;
    let last = next(&mut body).await.unwrap().unwrap();
    let error = r#"{"type":"error","error":{"type":"rate_limit_error","message":"The limit tpm is reached."}}"#;
    assert_eq!(last, format!("event: error\ndata: {error}\n\n"));
    assert!(feed.is_closed(), "the inner body is gone");
    assert!(next(&mut body).await.is_none() && body.is_end_stream());
    assert_eq!(
        alices_tokens(&limiter).await,
        -5,
        "what has passed is charged"
    );
}

#[tokio::test]
async fn a_denied_stream_is_ended_in_memory() {
    a_denied_stream_is_ended(memory().0).await;
}

#[tokio::test]
async fn a_denied_stream_is_ended_through_gates() {
    a_denied_stream_is_ended(gated().0).await;
}

/// The stream ends with the error event of the API whose dialect the policy has.
#[tokio::test]
async fn the_last_event_is_of_the_dialect() {
    let last = async |policy: PolicyBuilder| {
        let policy = policy.top_up(TopUp::steps(30).end_stream());
        let (mut body, feed) = streaming(&memory().0, policy, "text/event-stream").await;
        pass(&mut body, &feed, 105).await;
        String::from_utf8(next(&mut body).await.unwrap().unwrap().to_vec()).unwrap()
    };
    assert_eq!(
        last(by_events().dialect(OpenAi::new().tokens("tpm"))).await,
        concat!(
            r#"data: {"error":{"message":"The limit tpm is reached.","type":"tokens","param":null,"#,
            r#""code":"rate_limit_exceeded"}}"#,
            "\n\n"
        )
    );
    let error = r#"{"type":"error","error":{"type":"rate_limit_error","message":"The limit tpm is reached."}}"#;
    let anthropic = last(by_events().dialect(Anthropic::new().tokens("tpm"))).await;
    assert_eq!(anthropic, format!("event: error\ndata: {error}\n\n"));
}

#[tokio::test]
async fn a_stream_is_never_ended_within_an_event() {
    let (limiter, _) = memory();
    let policy = by_events().top_up(TopUp::steps(1).end_stream_with("data: over\n\n"));
    let (mut body, feed) = streaming(&limiter, policy, "text/event-stream; charset=utf-8").await;
    send(&feed, &(EVENT.repeat(150) + "data: ha"));
    assert!(
        next(&mut body)
            .await
            .unwrap()
            .unwrap()
            .ends_with(b"data: ha")
    );
    send(&feed, "lf\n");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "lf\n");
    send(&feed, "\n");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "\n");
    send(&feed, "data: too late\n\n");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "data: over\n\n");
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_grpc_stream_ends_with_trailers() {
    let (limiter, _) = memory();
    let policy = ten_tokens()
        .settle("tpm", Settle::bytes(|bytes| bytes))
        .top_up(TopUp::steps(1).end_stream());
    let (mut body, feed) = streaming(&limiter, policy, "application/grpc+proto").await;
    send(&feed, &"x".repeat(150));
    assert_eq!(next(&mut body).await.unwrap().unwrap().len(), 150);
    let (rest, trailers) = collect(body).await.unwrap();
    let trailers = trailers.unwrap();
    assert_eq!(
        (rest.len(), &trailers["grpc-status"], trailers.len()),
        (0, &"8".parse().unwrap(), 2)
    );
    assert_eq!(alices_tokens(&limiter).await, -50);
}

#[tokio::test]
async fn other_bodies_are_not_cut_short() {
    let policy = || {
        ten_tokens()
            .settle("tpm", Settle::bytes(|bytes| bytes))
            .top_up(TopUp::steps(1).end_stream())
    };
    let (limiter, _) = memory();
    let (mut body, feed) = streaming(&limiter, policy(), "text/plain").await;
    send(&feed, &"x".repeat(150));
    send(&feed, "y");
    drop(feed);
    assert_eq!(collect(&mut body).await.unwrap().0.len(), 151);
    assert_eq!(alices_tokens(&limiter).await, -51);

    // Bodies with a content length or an encoding are not cut either.
    for head in [
        (CONTENT_LENGTH.as_str(), "151"),
        ("content-encoding", "gzip"),
    ] {
        let (limiter, _) = memory();
        let (feed, body) = fed();
        let body = once(body);
        let app = app(layer(&limiter, policy()), move || {
            let response = Response::builder()
                .header("content-type", "text/event-stream")
                .header(head.0, head.1);
            response.body(Body::new(body())).unwrap()
        });
        let response = ask(&app, from("alice")).await;
        send(&feed, &(EVENT.repeat(16) + "\n"));
        send(&feed, "\nxxxxx");
        drop(feed);
        assert_eq!(collect(response.into_body()).await.unwrap().0.len(), 151);
        assert_eq!(alices_tokens(&limiter).await, -51);
    }
}

#[tokio::test]
async fn a_store_that_is_silent_delays_nothing() {
    let remote = Remote::start().await;
    let policy = by_events().top_up(TopUp::steps(5).end_stream());
    let (mut body, feed) = streaming(&remote.limiter, policy, "text/event-stream").await;
    remote.proxy.set_fault(Fault::black_hole());
    for _ in 0..20 {
        pass(&mut body, &feed, 10).await;
    }
    feed.send(Err(io::Error::other("torn"))).unwrap();
    assert!(next(&mut body).await.unwrap().is_err());
}

#[tokio::test]
async fn a_store_that_fails_ends_nothing() {
    let remote = Remote::start().await;
    let policy = by_events().top_up(TopUp::steps(5).end_stream());
    let (mut body, feed) = streaming(&remote.limiter, policy, "text/event-stream").await;
    remote
        .proxy
        .set_fault(Fault::answer(ErrorAnswer::throughput_exceeded()));
    pass(&mut body, &feed, 20).await;
    remote.proxy.until_received("UpdateItem", 1).await;
    for _ in 0..20 {
        pass(&mut body, &feed, 10).await;
        settle_down(&mut body).await;
    }
    drop(feed);
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn a_top_up_in_flight_is_given_back_with_the_body() {
    let remote = Remote::start().await;
    let policy = by_events().top_up(TopUp::steps(50));
    let (mut body, feed) = streaming(&remote.limiter, policy, "text/event-stream").await;
    remote
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(50)).on("UpdateItem"));
    pass(&mut body, &feed, 12).await;
    drop(body);
    remote.proxy.clear_faults();
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, 88);
}
