//! Settlement by the trailers of the response's body.

use axum::{body::Body, response::Response};
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use tollgate::{RateLimiter, layer::Settle};

use super::AS_ESTIMATED;
use crate::{
    bodies::{collect, next},
    events::Events,
    world::{Remote, alices_tokens, app, ask, from, gated, header_map, layer, memory, ten_tokens},
};

type Headers = &'static [(&'static str, &'static [u8])];

fn with_trailers(trailers: Headers) -> Response {
    let trailers = header_map(trailers);
    Response::new(Body::new(
        Full::from("hello").with_trailers(async { Some(Ok(trailers)) }),
    ))
}

/// Returns the tokens left after a response with these trailers, and the trailers that the client
/// gets.
async fn settled(limiter: &RateLimiter, rule: Settle, trailers: Headers) -> (i64, HeaderMap) {
    let app = app(
        layer(limiter, ten_tokens().settle("tpm", rule)),
        move || with_trailers(trailers),
    );
    let before = alices_tokens(limiter).await;
    let mut body = ask(&app, from("alice")).await.into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "hello");
    assert_eq!(
        alices_tokens(limiter).await,
        before - 10,
        "open until the end"
    );
    let (_, trailers) = collect(body).await.unwrap();
    (alices_tokens(limiter).await, trailers.expect("trailers"))
}

#[tokio::test]
async fn a_trailer_sets_the_use() {
    for (limiter, _) in [memory(), gated()] {
        let (left, trailers) =
            settled(&limiter, Settle::trailer("x-used"), &[("x-used", b"30")]).await;
        assert_eq!(
            (left, trailers["x-used"].as_bytes()),
            (70, &b"30"[..]),
            "seen by the client too"
        );
    }
}

#[tokio::test]
async fn a_trailer_sets_the_use_over_dynamodb() {
    let remote = Remote::start().await;
    settled(
        &remote.limiter,
        Settle::trailer("x-used"),
        &[("x-used", b"30")],
    )
    .await;
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, 70);
}

#[tokio::test]
async fn several_trailers_are_summed_and_added() {
    let rule = || Settle::trailers(["x-in", "x-out"]);
    assert_eq!(
        settled(&memory().0, rule(), &[("x-in", b"30"), ("x-out", b"5")])
            .await
            .0,
        65
    );
    assert_eq!(
        settled(&memory().0, rule().add(), &[("x-out", b"5")])
            .await
            .0,
        85
    );
    assert_eq!(
        settled(&memory().0, rule(), &[("x-else", b"5")]).await.0,
        AS_ESTIMATED
    );
}

#[tokio::test]
async fn a_trailer_can_be_stripped() {
    let rule = || Settle::trailer("x-used").strip();
    let (left, trailers) =
        settled(&memory().0, rule(), &[("x-used", b"30"), ("x-else", b"1")]).await;
    assert_eq!(
        (left, trailers.len(), trailers["x-else"].as_bytes()),
        (70, 1, &b"1"[..])
    );
    let (left, trailers) = settled(&memory().0, rule(), &[("x-used", b"nonsense")]).await;
    assert_eq!((left, trailers.len()), (AS_ESTIMATED, 0));
}

#[tokio::test]
async fn the_header_that_announces_stripped_trailers_is_stripped() {
    for (announced, expected) in [
        (&["x-used, x-else"][..], &["x-else"][..]),
        (&["X-Used", "x-else , x-more"], &["x-else, x-more"]),
        (&["x-used"], &[]),
        (&["x-else", "x-used2"], &["x-else", "x-used2"]),
        (&[], &[]),
    ] {
        for (rule, expected) in [
            (Settle::trailer("x-used").strip(), expected),
            (Settle::trailer("x-used"), announced),
        ] {
            let app = app(
                layer(&memory().0, ten_tokens().settle("tpm", rule)),
                move || {
                    let mut response = with_trailers(&[("x-used", b"30")]);
                    for line in announced {
                        response
                            .headers_mut()
                            .append("trailer", http::HeaderValue::from_static(line));
                    }
                    response
                },
            );
            let response = ask(&app, from("alice")).await;
            let lines: Vec<_> = response
                .headers()
                .get_all("trailer")
                .iter()
                .map(|line| line.to_str().unwrap())
                .collect();
            assert_eq!(lines, expected, "{announced:?}");
        }
    }
}

#[tokio::test]
async fn trailers_are_stripped_without_a_lease_too() {
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used").strip())
        .settle("tpm", Settle::trailer("x-used").strip());
    let app = app(layer(&memory().0, policy), || {
        let mut response = with_trailers(&[("x-used", b"30"), ("x-else", b"1")]);
        response
            .headers_mut()
            .insert("x-used", http::HeaderValue::from_static("30"));
        response
    });
    let mut preflight = from("alice");
    *preflight.method_mut() = http::Method::OPTIONS;
    let headers = header_map(&[
        ("origin", b"https://a.test"),
        ("access-control-request-method", b"GET"),
    ]);
    preflight.headers_mut().extend(headers);
    let response = ask(&app, preflight).await;
    assert!(
        !response.headers().contains_key("ratelimit"),
        "it passed unlimited"
    );
    assert!(!response.headers().contains_key("x-used"));
    let (data, trailers) = collect(response.into_body()).await.unwrap();
    let trailers = trailers.unwrap();
    assert_eq!(
        (&data[..], trailers.contains_key("x-used"), trailers.len()),
        (&b"hello"[..], false, 1)
    );
}

#[tokio::test]
async fn invalid_trailers_keep_the_estimate() {
    for bad in [&b"-5"[..], b"1e9", b"", b"1000000000000000"] {
        let events = Events::collect();
        let trailers: Headers = vec![("x-used", bad)].leak();
        assert_eq!(
            settled(&memory().0, Settle::trailer("x-used"), trailers)
                .await
                .0,
            AS_ESTIMATED,
            "{bad:?}"
        );
        assert!(
            events.text().contains("settle value ignored"),
            "{}",
            events.text()
        );
    }
}

#[tokio::test]
async fn trailer_rules_apply_after_head_rules() {
    let (limiter, _) = memory();
    let policy = || {
        ten_tokens()
            .settle("tpm", Settle::header("x-used"))
            .settle("tpm", Settle::trailer("x-used").add())
    };
    let app = app(layer(&limiter, policy()), || {
        let mut response = with_trailers(&[("x-used", b"5")]);
        response
            .headers_mut()
            .insert("x-used", http::HeaderValue::from_static("30"));
        response
    });
    collect(ask(&app, from("alice")).await.into_body())
        .await
        .unwrap();
    assert_eq!(alices_tokens(&limiter).await, 65);
}
