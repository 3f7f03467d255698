//! URLs: a layer's counts, and servers that do not answer as they should.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, response::Response, routing::get};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, keys},
};
use tollgate_loadtest::{
    Load, LoadTest, Report,
    targets::{HttpTarget, Keys},
};

use crate::server::{answer_with, refusing, serve};

async fn test(url: &str, requests: u64) -> Report {
    let target = HttpTarget::new(url).unwrap();
    let load = Load::users(4).lasting(Duration::from_secs(600));
    let test = LoadTest::new(load).requests(requests);
    test.timeout(Duration::from_millis(300)).run(target).await
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_the_server_behind_a_layer() {
    let policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"))
        .limit(Limit::per_hour("rph", 10))
        .build()
        .unwrap();
    let served = Arc::new(AtomicU64::new(0));
    let seen = served.clone();
    let handler = get(move || {
        seen.fetch_add(1, Ordering::Relaxed);
        async { "hello" }
    });
    let layer = RateLimitLayer::new(RateLimiter::memory(), policy);
    let url = serve(Router::new().route("/", handler).layer(layer)).await;

    let target = HttpTarget::new(&url).unwrap();
    let target = target.header("x-user", "user-{key}").unwrap();
    let target = target.keys(Keys::uniform("", 5));
    let load = Load::rate(500.0).lasting(Duration::from_secs(1));
    let report = LoadTest::new(load).run(target).await;
    assert_eq!(report.counts.total(), 500);
    // Five users have ten requests each.
    assert_eq!(report.counts.granted, 50, "{:?}", report.problems);
    assert_eq!(report.counts.denied, 450);
    assert_eq!(served.load(Ordering::Relaxed), 50);
    assert_eq!(report.retry_after.count(), 450);
    assert!(report.retry_after.max() > Duration::from_secs(60));
    assert_eq!(report.least_remaining, Some(0));
    assert!(report.bytes >= 50 * 5);
}

/// A body whose parts come from a channel.
struct Parts(tokio::sync::mpsc::Receiver<&'static str>);

impl http_body::Body for Parts {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        let part = self.0.poll_recv(cx);
        part.map(|part| part.map(|part| Ok(http_body::Frame::data(part.into()))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_to_its_end() {
    let handler = get(|| async {
        let (sender, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
        tokio::spawn(async move {
            for _ in 0..3 {
                sender.send("part").await.unwrap();
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
        });
        Response::new(Body::new(Parts(receiver)))
    });
    let url = serve(Router::new().route("/", handler)).await;
    let load = Load::users(2).lasting(Duration::from_secs(600));
    let target = HttpTarget::new(&url).unwrap();
    let report = LoadTest::new(load).requests(6).run(target).await;
    assert_eq!(report.counts.granted, 6, "{:?}", report.problems);
    assert_eq!(report.bytes, 6 * 12);
    assert!(report.percentile(0.0) >= Duration::from_millis(250));
    assert!(report.first_byte.percentile(0.5) < report.percentile(0.0) / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_fail_are_errors_with_a_reason() {
    let error = serve(Router::new().route("/other", get(|| async {}))).await;
    let report = test(&error, 8).await;
    assert_eq!(report.problems, [("status 404".to_owned(), 8)].into());

    let report = test(&refusing().await, 8).await;
    assert_eq!(report.problems, [("no connection".to_owned(), 8)].into());
    assert_eq!((report.counts.error, report.latency().count()), (8, 0));

    let report = test(&answer_with(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await, 8).await;
    assert_eq!((report.counts.error, report.problems.len()), (8, 1));

    let cut = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nabc";
    let report = test(&answer_with(cut).await, 8).await;
    assert_eq!(
        report.problems,
        [("the body ended early".to_owned(), 8)].into()
    );

    let down =
        b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let report = test(&answer_with(down).await, 8).await;
    assert_eq!(report.counts.unavailable, 8);

    let report = test(&answer_with(b"").await, 8).await;
    assert_eq!(report.counts.timeout, 8);
}

#[test]
fn urls_and_headers_that_cannot_be_sent_are_refused() {
    for url in [
        "",
        "/path",
        "127.0.0.1:80",
        "https://",
        "ftp://a",
        "http://",
        "http:// a",
    ] {
        let error = HttpTarget::new(url).unwrap_err().to_string();
        assert!(error.contains(url) && error.lines().count() == 1, "{error}");
    }
    let target = HttpTarget::new("http://127.0.0.1/").unwrap();
    for (name, value) in [("", "a"), ("a b", "a"), ("a", "b\nc")] {
        assert!(
            target.clone().header(name, value).is_err(),
            "{name}: {value}"
        );
    }
}
