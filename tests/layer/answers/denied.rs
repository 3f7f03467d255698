//! A denial, compared character by character.

use serde_json::{Value, json};
use tollgate::{Limit, RateLimiter};

use crate::world::{Remote, ask, from, gated, hello, layer, memory, per_user, text};

async fn denial(limiter: RateLimiter) {
    let app = hello(layer(&limiter, per_user(Limit::per_minute("rpm", 5))));
    for _ in 0..5 {
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
    }
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(text(&response, "retry-after"), Some("12"));
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""rpm";q=5;w=60"#)
    );
    assert_eq!(text(&response, "ratelimit"), Some(r#""rpm";r=0;t=12"#));
    assert_eq!(text(&response, "cache-control"), Some("no-store"));
    assert_eq!(
        text(&response, "content-type"),
        Some("application/problem+json")
    );
    let names: Vec<_> = response
        .headers()
        .keys()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(names.len(), 6, "and the length: {names:?}");
    assert_eq!(
        text(&response, "content-length").is_some(),
        names.len() == 6
    );
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap(),
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Rate limit exceeded",
            "status": 429,
            "detail": "Rate limit exceeded: rpm. Please try again in 12s.",
            "violated-policies": ["rpm"],
        })
    );
}

#[tokio::test]
async fn a_denial_has_exactly_this_answer_in_memory() {
    denial(memory().0).await;
}

#[tokio::test]
async fn a_denial_has_exactly_this_answer_through_gates() {
    denial(gated().0).await;
}

#[tokio::test]
async fn a_denial_has_exactly_this_answer_over_dynamodb() {
    denial(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_denial_names_those_limits_that_were_short() {
    let (limiter, _) = memory();
    let policy = per_user(Limit::per_minute("rpm", 5))
        .limit(Limit::per_minute("tpm", 1000))
        .limit(Limit::per_day("rpd", 3))
        .limit(Limit::per_hour("tph", 1200))
        .cost("tpm", 400)
        .cost("tph", 400);
    let app = hello(layer(&limiter, policy));
    for _ in 0..2 {
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
    }
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(
        text(&response, "retry-after"),
        Some("12"),
        "200 of 1000 a minute are missing"
    );
    assert_eq!(
        text(&response, "ratelimit-policy"),
        Some(r#""rpm";q=5;w=60, "tpm";q=1000;w=60, "rpd";q=3;w=86400, "tph";q=1200;w=3600"#)
    );
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""rpm";r=3;t=12, "tpm";r=200;t=12, "rpd";r=1;t=12, "tph";r=400;t=12"#),
        "no window ends after Retry-After"
    );
    let problem: Value = serde_json::from_slice(
        &axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap(),
    )
    .unwrap();
    assert_eq!(problem["violated-policies"], json!(["tpm"]));
}

#[tokio::test]
async fn a_denial_by_several_limits_states_the_longest_wait() {
    let (limiter, _) = memory();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_minute("rpm", 1)).limit(Limit::per_hour("rph", 1)),
    ));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let response = ask(&app, from("alice")).await;
    assert_eq!(text(&response, "retry-after"), Some("3600"));
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(problem["violated-policies"], json!(["rpm", "rph"]));
}

#[tokio::test]
async fn a_denial_states_a_wait_of_a_second_at_least() {
    let (limiter, _) = memory();
    let app = hello(layer(
        &limiter,
        per_user(Limit::per_second("rps", 100).with_burst(1)),
    ));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let response = ask(&app, from("alice")).await;
    assert_eq!(text(&response, "retry-after"), Some("1"));
}
