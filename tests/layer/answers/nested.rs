//! Several layers around one service.

use axum::Router;
use tollgate::{
    Limit, RateLimiter,
    layer::{ReportLimits, keys},
};

use crate::world::{app, ask, from, hello, layer, memory, per_user};

fn nested(limiter: &RateLimiter, inner: u64, outer: u64) -> Router {
    let outer = per_user(Limit::per_hour("rph", outer)).resource(keys::fixed("outer"));
    hello(layer(limiter, per_user(Limit::per_minute("rpm", inner)))).layer(layer(limiter, outer))
}

fn lines<'a>(response: &'a http::Response<axum::body::Body>, field: &str) -> Vec<&'a str> {
    response
        .headers()
        .get_all(field)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_granted_response_has_the_fields_of_all() {
    let response = ask(&nested(&memory().0, 10, 100), from("alice")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        lines(&response, "ratelimit-policy"),
        [r#""rpm";q=10;w=60"#, r#""rph";q=100;w=3600"#]
    );
    assert_eq!(
        lines(&response, "ratelimit"),
        [r#""rpm";r=9;t=6"#, r#""rph";r=99;t=36"#]
    );
}

#[tokio::test]
async fn a_denial_is_that_of_the_layer_that_denied() {
    let app = nested(&memory().0, 1, 100);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(lines(&response, "retry-after"), ["60"]);
    assert_eq!(
        lines(&response, "ratelimit"),
        [r#""rpm";r=0;t=60"#, r#""rph";r=99;t=36"#],
        "the outer one's as if it had not been asked"
    );
    assert_eq!(lines(&response, "cache-control"), ["no-store"]);
}

/// Returns the retry times of an outer layer with one request a minute, around a service with a
/// retry time of its own.
async fn retry_after(own: &'static str, status: u16) -> Vec<String> {
    let answer = move || {
        (
            http::StatusCode::from_u16(status).unwrap(),
            [("retry-after", own)],
        )
    };
    let app = app(
        layer(&memory().0, per_user(Limit::per_minute("rpm", 1))),
        answer,
    );
    lines(&ask(&app, from("alice")).await, "retry-after")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_later_of_two_retry_times_is_sent() {
    for status in [429, 503, 302] {
        assert_eq!(
            retry_after("5", status).await,
            ["60"],
            "until then this layer would say no"
        );
        assert_eq!(retry_after("59", status).await, ["60"]);
        assert_eq!(retry_after("60", status).await, ["60"]);
        assert_eq!(retry_after("61", status).await, ["61"]);
        assert_eq!(
            retry_after("99999999999999999999999", status).await,
            ["99999999999999999999999"]
        );
        // The clock shows 22:13:20.
        assert_eq!(
            retry_after("Tue, 14 Nov 2023 22:13:25 GMT", status).await,
            ["60"]
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", status).await,
            ["60"]
        );
        let later = "Tue, 14 Nov 2023 22:15:25 GMT";
        assert_eq!(retry_after(later, status).await, [later]);
        for not_understood in ["soon", "", "-5", "1.5", "5 s"] {
            assert_eq!(retry_after(not_understood, status).await, [not_understood]);
        }
    }
    assert_eq!(retry_after("5", 200).await, ["5"], "nobody was refused");
}

#[tokio::test]
async fn a_response_without_a_retry_time_gets_none() {
    let app = app(
        layer(&memory().0, per_user(Limit::per_minute("rpm", 1))),
        || http::StatusCode::SERVICE_UNAVAILABLE,
    );
    assert!(lines(&ask(&app, from("alice")).await, "retry-after").is_empty());
}

#[tokio::test]
async fn the_longest_wait_of_several_limits_is_the_outer_layers() {
    let policy = per_user(Limit::per_minute("rpm", 10))
        .limit(Limit::per_minute("tpm", 100))
        .cost("tpm", 80);
    let answer = || {
        (
            http::StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "1"), ("x-used", "90")],
        )
    };
    let app = app(
        layer(
            &memory().0,
            policy.settle("tpm", tollgate::layer::Settle::header("x-used")),
        ),
        answer,
    );
    // 10 tokens are left, and 80 are needed again.
    assert_eq!(
        lines(&ask(&app, from("alice")).await, "retry-after"),
        ["42"]
    );
}

#[tokio::test]
async fn a_refusal_of_the_inner_layer_reports_the_limits_of_all() {
    for (outer_report, expected) in [
        (ReportLimits::All, r#""rph";r=100;t=0, "rpd";r=50;t=0"#),
        (ReportLimits::Nearest, r#""rph";r=100;t=0"#),
        (ReportLimits::Off, ""),
    ] {
        let (limiter, _) = memory();
        let outer = per_user(Limit::per_hour("rph", 100))
            .limit(Limit::per_day("rpd", 50))
            .resource(keys::fixed("outer"));
        let inner = layer(
            &limiter,
            per_user(Limit::per_minute("rpm", 1)).cost("rpm", 1),
        );
        let app = hello(inner).layer(layer(&limiter, outer.report(outer_report)));
        // The limit is used up outside the outer layer.
        limiter
            .acquire("alice", "api")
            .limits(Limit::per_minute("rpm", 1))
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), 429);
        assert_eq!(lines(&response, "retry-after"), ["60"]);
        let expected: Vec<_> = [r#""rpm";r=0;t=60"#, expected]
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect();
        assert_eq!(lines(&response, "ratelimit"), expected);
        assert_eq!(lines(&response, "ratelimit-policy").len(), expected.len());
    }
}
