//! Quotas, whose windows end at an instant.

use std::time::Duration;

use axum::body::Body;
use http::Response;
use tollgate::{
    Limit,
    layer::{Anthropic, Dialect, IetfDraft, OpenAi, XRateLimit},
    model::{Schedule, ScheduleEntry},
};

use super::all;
use crate::world::{ask, from, hello, layer, memory, per_user};

/// Returns a granted response and a denial. The clock shows 22:13:20.25 in UTC, and the day in
/// Berlin ends at 23:00.
async fn two(dialect: impl Into<Dialect>) -> [Response<Body>; 2] {
    let daily = Limit::quota("day", 10).daily("Europe/Berlin").unwrap();
    let (limiter, clock) = memory();
    clock.advance(Duration::from_millis(250));
    let policy = per_user(daily).cost("day", 6).dialect(dialect);
    let app = hello(layer(&limiter, policy));
    let responses = [
        ask(&app, from("alice")).await,
        ask(&app, from("alice")).await,
    ];
    assert_eq!(responses[1].status(), 429);
    // Rounded up: a client that waits for that time is granted.
    assert_eq!(responses[1].headers()["retry-after"], "2800");
    responses
}

#[tokio::test]
async fn the_list_has_the_length_of_the_period_and_the_time_until_it_ends() {
    let [granted, denied] = two(IetfDraft::Draft11).await;
    for (response, left) in [(granted, 4), (denied, 4)] {
        assert_eq!(
            all(&response, ["ratelimit-policy", "ratelimit"]),
            [
                r#""day";q=10;w=86400"#.to_owned(),
                format!(r#""day";r={left};t=2800"#)
            ]
        );
    }
}

#[tokio::test]
async fn the_reset_is_the_instant_at_which_the_period_ends() {
    for response in two(XRateLimit::unix_time()).await {
        let names = ["x-ratelimit-remaining", "x-ratelimit-reset"];
        assert_eq!(all(&response, names), ["4", "1700002800"]);
    }
    for response in two(Anthropic::new().tokens("day")).await {
        let names = [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ];
        assert_eq!(all(&response, names), ["10", "4", "2023-11-14T23:00:00Z"]);
    }
    for response in two(OpenAi::new().tokens("day")).await {
        let names = ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
        assert_eq!(all(&response, names), ["4", "46m40s"]);
    }
}

/// A full quota is not refilled, so its reset is not at once.
#[tokio::test]
async fn the_month_is_over_when_the_next_one_begins() {
    let monthly = Limit::quota("month", 1000)
        .monthly("Europe/Berlin")
        .unwrap();
    let policy = per_user(monthly)
        .limit(Limit::per_minute("rpm", 60))
        .cost("month", 0);
    let app = hello(layer(&memory().0, policy));
    let response = ask(&app, from("alice")).await;
    let [policies, left] = all(&response, ["ratelimit-policy", "ratelimit"]);
    assert_eq!(policies, r#""month";q=1000;w=2678400, "rpm";q=60;w=60"#);
    // From the 14th, 22:13:20, to the 30th, 23:00 in UTC.
    assert_eq!(left, r#""month";r=1000;t=1385200, "rpm";r=59;t=1"#);
}

#[tokio::test]
async fn a_limit_with_a_schedule_is_shown_with_the_numbers_of_now() {
    let hour = ScheduleEntry::scaled("* 22 * * *", 0.5).unwrap();
    let schedule = Schedule::new([hour], "UTC").unwrap();
    let limit = Limit::per_hour("rph", 10).with_schedule(schedule).unwrap();
    let (limiter, clock) = memory();
    let policy = |cost| {
        let policy = per_user(limit.clone()).cost("rph", cost);
        policy.dialect(IetfDraft::Draft11)
    };
    let names = ["ratelimit-policy", "ratelimit"];
    let response = ask(&hello(layer(&limiter, policy(4))), from("alice")).await;
    // Full is 10 again: at 23:00, 46 minutes and 40 seconds from now, 4.888 are there.
    assert_eq!(
        all(&response, names),
        [r#""rph";q=5;w=3600"#, r#""rph";r=1;t=4641"#]
    );
    // More than the capacity of this hour, and less than that of the next one.
    let response = ask(&hello(layer(&limiter, policy(6))), from("alice")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "3201");
    clock.advance(Duration::from_secs(3201));
    let response = ask(&hello(layer(&limiter, policy(6))), from("alice")).await;
    assert_eq!(
        all(&response, names),
        [r#""rph";q=10;w=3600"#, r#""rph";r=0;t=3600"#]
    );
}
