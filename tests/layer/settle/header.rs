//! Settlement by response headers.

use tollgate::{RateLimiter, layer::Settle};

use super::AS_ESTIMATED;
use crate::world::{
    Remote, alices_tokens, app, ask, from, header_map, layer, memory, ten_tokens, text,
};

type Headers = &'static [(&'static str, &'static [u8])];

/// Returns the response to a request that is settled by `rule`, and the tokens left after it.
async fn settled(
    limiter: &RateLimiter,
    rule: Settle,
    headers: Headers,
) -> (http::Response<axum::body::Body>, i64) {
    let app = app(layer(limiter, ten_tokens().settle("tpm", rule)), || {
        header_map(headers)
    });
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 200);
    (response, alices_tokens(limiter).await)
}

#[tokio::test]
async fn a_header_sets_the_use() {
    for (value, left) in [
        ("0", 100),
        ("3", 97),
        ("10", 90),
        ("30", 70),
        ("100", 0),
        ("007", 93),
        (" 30\t", 70),
    ] {
        let (limiter, _) = memory();
        let value = value.to_owned().leak().as_bytes();
        let headers: Headers = vec![("x-used", value)].leak();
        let (response, now_left) = settled(&limiter, Settle::header("x-used"), headers).await;
        assert_eq!(now_left, left, "{value:?}");
        assert_eq!(
            response.headers()["x-used"].as_bytes(),
            value,
            "seen by the client too"
        );
    }
}

#[tokio::test]
async fn the_response_reports_what_is_left_after_a_header() {
    let (response, _) = settled(&memory().0, Settle::header("x-used"), &[("x-used", b"30")]).await;
    assert_eq!(text(&response, "ratelimit"), Some(r#""tpm";r=70;t=18"#));
}

#[tokio::test]
async fn several_headers_are_summed() {
    let rule = || Settle::headers(["x-in", "x-out"]);
    assert_eq!(
        settled(&memory().0, rule(), &[("x-in", b"30"), ("x-out", b"5")])
            .await
            .1,
        65
    );
    assert_eq!(settled(&memory().0, rule(), &[("x-out", b"5")]).await.1, 95);
    assert_eq!(settled(&memory().0, rule(), &[]).await.1, AS_ESTIMATED);
}

#[tokio::test]
async fn a_header_can_add_to_the_estimate() {
    let rule = || Settle::header("x-extra").add();
    assert_eq!(
        settled(&memory().0, rule(), &[("x-extra", b"5")]).await.1,
        85
    );
    assert_eq!(settled(&memory().0, rule(), &[]).await.1, AS_ESTIMATED);
}

#[tokio::test]
async fn a_header_can_be_stripped() {
    let rule = || Settle::headers(["x-in", "x-out"]).strip();
    let (response, left) = settled(
        &memory().0,
        rule(),
        &[("x-in", b"30"), ("x-out", b"5"), ("x-else", b"1")],
    )
    .await;
    assert_eq!(left, 65);
    assert!(!response.headers().contains_key("x-in") && !response.headers().contains_key("x-out"));
    assert!(response.headers().contains_key("x-else"));
    let (response, left) = settled(
        &memory().0,
        rule(),
        &[("x-in", b"nonsense"), ("x-out", b"5")],
    )
    .await;
    assert_eq!(left, AS_ESTIMATED);
    assert!(!response.headers().contains_key("x-in") && !response.headers().contains_key("x-out"));
}

#[tokio::test]
async fn two_header_rules_of_one_limit_apply_in_order() {
    let (limiter, _) = memory();
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used"))
        .settle("tpm", Settle::header("x-extra").add());
    let app = app(layer(&limiter, policy), || {
        [("x-used", "30"), ("x-extra", "5")]
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(alices_tokens(&limiter).await, 65);
}

#[tokio::test]
async fn a_header_sets_the_use_over_dynamodb() {
    let remote = Remote::start().await;
    assert_eq!(
        settled(
            &remote.limiter,
            Settle::header("x-used"),
            &[("x-used", b"30")]
        )
        .await
        .1,
        70
    );
    assert_eq!(
        settled(
            &remote.limiter,
            Settle::header("x-used"),
            &[("x-used", b"-5")]
        )
        .await
        .1,
        60
    );
    remote.limiter.shutdown().await;
    assert_eq!(alices_tokens(&remote.limiter).await, 60);
}
