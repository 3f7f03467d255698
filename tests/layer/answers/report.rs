//! Limits that granted responses report.

use http::header::CACHE_CONTROL;
use tollgate::{
    Limit,
    layer::{PolicyBuilder, ReportLimits, Settle},
};

use crate::world::{app, ask, from, hello, layer, memory, per_user, text};

fn two_limits() -> PolicyBuilder {
    per_user(Limit::per_minute("rpm", 10))
        .limit(Limit::per_minute("tpm", 1000))
        .cost("tpm", 500)
}

async fn reported(policy: PolicyBuilder) -> [Option<String>; 2] {
    let response = ask(&hello(layer(&memory().0, policy)), from("alice")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(text(&response, "retry-after"), None);
    ["ratelimit-policy", "ratelimit"].map(|name| text(&response, name).map(str::to_owned))
}

#[tokio::test]
async fn a_response_reports_all_limits_by_default() {
    let fields = [
        r#""rpm";q=10;w=60, "tpm";q=1000;w=60"#,
        r#""rpm";r=9;t=6, "tpm";r=500;t=30"#,
    ];
    assert_eq!(reported(two_limits()).await.map(Option::unwrap), fields);
    assert_eq!(
        reported(two_limits().report(ReportLimits::All))
            .await
            .map(Option::unwrap),
        fields
    );
}

#[tokio::test]
async fn a_response_can_report_the_limit_with_the_smallest_share_left() {
    let nearest = two_limits().report(ReportLimits::Nearest);
    assert_eq!(
        reported(nearest).await.map(Option::unwrap),
        [r#""tpm";q=1000;w=60"#, r#""tpm";r=500;t=30"#]
    );
}

#[tokio::test]
async fn a_response_can_report_nothing() {
    assert_eq!(
        reported(two_limits().report(ReportLimits::Off)).await,
        [None, None]
    );
}

#[tokio::test]
async fn a_denial_reports_all_limits_whatever_responses_do() {
    for report in [ReportLimits::Off, ReportLimits::Nearest] {
        let (limiter, _) = memory();
        let app = hello(layer(&limiter, two_limits().report(report)));
        for _ in 0..2 {
            assert_eq!(ask(&app, from("alice")).await.status(), 200);
        }
        let denied = ask(&app, from("alice")).await;
        assert_eq!(
            text(&denied, "ratelimit"),
            Some(r#""rpm";r=8;t=12, "tpm";r=0;t=30"#)
        );
    }
}

#[tokio::test]
async fn the_headers_of_the_inner_response_stay() {
    let own = [
        ("cache-control", "max-age=60"),
        ("retry-after", "7"),
        ("ratelimit", "\"own\";r=1"),
        ("x-used", "5"),
    ];
    let policy = two_limits().settle("rpm", Settle::header("x-used"));
    let response = ask(&app(layer(&memory().0, policy), move || own), from("alice")).await;
    assert_eq!(response.headers()[CACHE_CONTROL], "max-age=60");
    assert_eq!(text(&response, "retry-after"), Some("7"));
    let lines: Vec<_> = response.headers().get_all("ratelimit").iter().collect();
    assert_eq!(
        lines,
        ["\"own\";r=1", r#""rpm";r=5;t=30, "tpm";r=500;t=30"#]
    );
}
