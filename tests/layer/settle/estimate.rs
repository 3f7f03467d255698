//! Estimates from the request's head, before there is a response.

use axum::{Json, Router};
use serde_json::Value;
use tollgate::{
    RateLimiter,
    layer::{PolicyBuilder, RequestHead, cost},
};

use super::AS_ESTIMATED;
use crate::events::Events;
use crate::world::{
    Remote, alices_tokens, ask, from, header_map, hello, layer, memory, ten_tokens, text,
    with_headers,
};

fn estimating(limiter: &RateLimiter) -> Router {
    hello(layer(
        limiter,
        ten_tokens().estimate("tpm", cost::header("x-tokens")),
    ))
}

async fn ask_for(app: &Router, tokens: &[u8]) -> http::Response<axum::body::Body> {
    ask(
        app,
        with_headers(&[("x-user", b"alice"), ("x-tokens", tokens)]),
    )
    .await
}

#[tokio::test]
async fn a_header_states_the_cost() {
    for (value, left) in [("25", 75), ("0", 99), ("100", 0)] {
        let (limiter, _) = memory();
        assert_eq!(
            ask_for(&estimating(&limiter), value.as_bytes())
                .await
                .status(),
            200
        );
        assert_eq!(alices_tokens(&limiter).await, left, "{value}");
    }
}

#[tokio::test]
async fn the_fixed_cost_holds_if_the_header_states_none() {
    for bad in [
        &b"-5"[..],
        b"1e9",
        b"abc",
        b"",
        b"\xff",
        b"18446744073709551616",
    ] {
        let events = Events::collect();
        let (limiter, _) = memory();
        assert_eq!(ask_for(&estimating(&limiter), bad).await.status(), 200);
        assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED, "{bad:?}");
        let events = events.text();
        assert!(
            events.contains("estimate ignored") && events.contains("x-tokens"),
            "{bad:?}: {events}"
        );
    }
    let events = Events::collect();
    let (limiter, _) = memory();
    assert_eq!(
        ask(&estimating(&limiter), from("alice")).await.status(),
        200
    );
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
    assert!(
        !events.text().contains("ignored"),
        "a missing one says nothing"
    );
    let (limiter, _) = memory();
    let mut twice = with_headers(&[("x-user", b"alice")]);
    *twice.headers_mut() = header_map(&[
        ("x-user", b"alice"),
        ("x-tokens", b"20"),
        ("x-tokens", b"20"),
    ]);
    assert_eq!(ask(&estimating(&limiter), twice).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, AS_ESTIMATED);
}

/// Returns the tokens left of 100 after a request for this path with this length.
async fn left_by(policy: PolicyBuilder, path: &'static str, length: Option<&'static [u8]>) -> i64 {
    let (limiter, _) = memory();
    let mut request = with_headers(&[("x-user", b"alice")]);
    *request.uri_mut() = path.parse().unwrap();
    if let Some(length) = length {
        request
            .headers_mut()
            .extend(header_map(&[("content-length", length)]));
    }
    assert_eq!(
        ask(&hello(layer(&limiter, policy)), request).await.status(),
        200
    );
    alices_tokens(&limiter).await
}

#[tokio::test]
async fn a_query_parameter_states_the_cost() {
    for (path, left) in [
        ("/?n=25", 75),
        ("/?a=1&%6E=%32%35&b", 75),
        ("/", AS_ESTIMATED),
        ("/?n", AS_ESTIMATED),
        ("/?n=-25", AS_ESTIMATED),
        ("/?n=25&n=25", AS_ESTIMATED),
        ("/?N=25", AS_ESTIMATED),
    ] {
        let events = Events::collect();
        assert_eq!(
            left_by(
                ten_tokens().estimate("tpm", cost::query_parameter("n")),
                path,
                None
            )
            .await,
            left,
            "{path}"
        );
        let bad = ["/?n", "/?n=-25", "/?n=25&n=25"].contains(&path);
        assert_eq!(events.text().contains("estimate ignored"), bad, "{path}");
    }
}

#[tokio::test]
async fn the_length_of_the_request_states_the_cost() {
    let bytes = || ten_tokens().estimate("tpm", cost::content_length());
    let fours = || ten_tokens().estimate("tpm", cost::content_length().per_token(4));
    assert_eq!(left_by(bytes(), "/", Some(b"25")).await, 75);
    assert_eq!(left_by(fours(), "/", Some(b"24")).await, 94);
    assert_eq!(left_by(fours(), "/", Some(b"25")).await, 93, "rounded up");
    assert_eq!(left_by(fours(), "/", Some(b"0")).await, 99);
    assert_eq!(
        left_by(
            ten_tokens().estimate("tpm", cost::content_length().per_token(0)),
            "/",
            Some(b"25")
        )
        .await,
        75
    );
    assert_eq!(left_by(bytes(), "/", None).await, AS_ESTIMATED, "chunked");
    let events = Events::collect();
    assert_eq!(left_by(bytes(), "/", Some(b"-1")).await, AS_ESTIMATED);
    assert!(events.text().contains("estimate ignored"));
}

#[tokio::test]
async fn a_closure_states_the_cost() {
    let (limiter, _) = memory();
    let by_method = |head: &RequestHead<'_>| (*head.method == http::Method::POST).then_some(40);
    let app = hello(layer(&limiter, ten_tokens().estimate("tpm", by_method)));
    let mut post = from("alice");
    *post.method_mut() = http::Method::POST;
    assert_eq!(ask(&app, post).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 60);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 50);
}

#[tokio::test]
async fn a_cost_from_a_closure_above_the_capacity_is_refused() {
    for tokens in [101, 1_000_000_000_000_000, u64::MAX] {
        let (limiter, _) = memory();
        let app = hello(layer(
            &limiter,
            ten_tokens().estimate("tpm", move |_: &RequestHead<'_>| Some(tokens)),
        ));
        let response = ask(&app, from("alice")).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "retry-after")),
            (429, None),
            "{tokens}"
        );
        assert_eq!(alices_tokens(&limiter).await, 100);
    }
}

async fn more_than_the_capacity_never_fits(limiter: RateLimiter) {
    let app = estimating(&limiter);
    for asked in ["101", "999999999999999"] {
        let response = ask_for(&app, asked.as_bytes()).await;
        assert_eq!(response.status(), 429);
        assert_eq!(
            text(&response, "retry-after"),
            None,
            "retrying does not help"
        );
        assert_eq!(
            text(&response, "content-type"),
            Some("application/problem+json")
        );
        assert_eq!(text(&response, "cache-control"), Some("no-store"));
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let problem: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            problem,
            serde_json::json!({
                "type": "https://docs.rs/tollgate/latest/tollgate/layer/index.html#cost-exceeds-capacity",
                "title": "The request costs more than its limit holds",
                "status": 429,
                "detail": format!("Request too large for tpm: {asked} requested, 100 at most. Retrying does not help."),
                "violated-policies": ["tpm"],
            })
        );
    }
    assert_eq!(alices_tokens(&limiter).await, 100);
}

#[tokio::test]
async fn a_cost_above_the_capacity_never_fits_in_memory() {
    more_than_the_capacity_never_fits(memory().0).await;
}

#[tokio::test]
async fn a_cost_above_the_capacity_never_fits_over_dynamodb() {
    let remote = Remote::start().await;
    more_than_the_capacity_never_fits(remote.limiter).await;
    assert_eq!(
        remote.proxy.received("UpdateItem"),
        0,
        "the store is not asked"
    );
}

#[tokio::test]
async fn a_handler_sees_the_estimate() {
    let (limiter, _) = memory();
    let handler =
        async |status: tollgate::layer::RateLimitStatus| Json(status.get("tpm").unwrap().requested);
    let app = Router::new()
        .route("/", axum::routing::get(handler))
        .layer(layer(
            &limiter,
            ten_tokens().estimate("tpm", cost::header("x-tokens")),
        ));
    let bytes = axum::body::to_bytes(ask_for(&app, b"25").await.into_body(), 100)
        .await
        .unwrap();
    assert_eq!(bytes, "25");
}
