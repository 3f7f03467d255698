//! Settlement by a closure on the response's head.

use tollgate::layer::{ResponseHead, Settle};

use super::AS_ESTIMATED;
use crate::{
    events::Events,
    world::{alices_tokens, app, ask, from, layer, memory, ten_tokens, text},
};

async fn left_after(rule: Settle) -> i64 {
    let (limiter, _) = memory();
    let app = app(layer(&limiter, ten_tokens().settle("tpm", rule)), || {
        (http::StatusCode::ACCEPTED, [("x-pages", "3")])
    });
    assert_eq!(ask(&app, from("alice")).await.status(), 202);
    alices_tokens(&limiter).await
}

#[tokio::test]
async fn a_head_rule_sees_everything_but_the_body() {
    let rule = Settle::head(|head: &ResponseHead<'_>| {
        assert_eq!(
            (head.status.as_u16(), head.version),
            (202, http::Version::HTTP_11)
        );
        assert!(!format!("{head:?}").contains("x-pages"));
        let pages: u64 = head.headers["x-pages"].to_str().ok()?.parse().ok()?;
        Some(pages * 10)
    });
    assert_eq!(left_after(rule).await, 70);
}

#[tokio::test]
async fn a_head_rule_without_an_amount_keeps_the_estimate() {
    assert_eq!(left_after(Settle::head(|_| None)).await, AS_ESTIMATED);
}

#[tokio::test]
async fn a_head_rule_may_add_to_the_estimate() {
    assert_eq!(left_after(Settle::head(|_| Some(5)).add()).await, 85);
}

#[tokio::test]
async fn an_absurd_amount_of_a_head_rule_keeps_the_estimate() {
    let events = Events::collect();
    assert_eq!(
        left_after(Settle::head(|_| Some(u64::MAX))).await,
        AS_ESTIMATED
    );
    assert!(
        events.text().contains("larger than any limit"),
        "{}",
        events.text()
    );
}

#[tokio::test]
async fn a_head_rule_sees_headers_that_are_stripped() {
    let (limiter, _) = memory();
    let policy = ten_tokens()
        .settle("tpm", Settle::header("x-used").strip())
        .settle(
            "tpm",
            Settle::head(|head| head.headers.contains_key("x-used").then_some(1)).add(),
        );
    let app = app(layer(&limiter, policy), || [("x-used", "30")]);
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (text(&response, "x-used"), alices_tokens(&limiter).await),
        (None, 69)
    );
}
