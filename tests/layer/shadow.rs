//! Policies and limits that only observe.

use std::time::Duration;

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use tollgate::{
    Limit, RateLimiter,
    layer::{LeaseHandle, PolicyBuilder, RateLimitStatus, keys},
};

use super::{
    events::Events,
    world::{
        Remote, ask, from, gated, hello, layer, left, memory, per_user, status, text, with_headers,
    },
};

/// Two requests an hour.
fn few() -> Limit {
    Limit::per_hour("rph", 2)
}

fn status_app() -> Router {
    let handler = async |lease: LeaseHandle, status: RateLimitStatus| {
        // The lease can be settled with every verdict.
        lease.settle("rph", 1).unwrap();
        lease.consume("rph", 0).await.unwrap();
        Json(status)
    };
    Router::new().route("/", get(handler))
}

async fn shadow_of(app: &Router) -> Value {
    let response = ask(app, from("alice")).await;
    assert_eq!(response.status(), 200);
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["shadow"].take()
}

async fn nothing_is_denied(limiter: RateLimiter) {
    let events = Events::collect();
    let app = status_app().layer(layer(&limiter, per_user(few()).shadow()));
    for _ in 0..2 {
        assert_eq!(shadow_of(&app).await, json!({"verdict": "granted"}));
    }
    assert!(
        !events.text().contains("shadow denial"),
        "{}",
        events.text()
    );
    for _ in 0..3 {
        let verdict = shadow_of(&app).await;
        assert_eq!(verdict["verdict"], "denied");
        let short = &verdict["limits"][0];
        assert_eq!(
            (&short["limit"]["name"], &short["available"]),
            (&json!("rph"), &json!(0))
        );
        assert_eq!(short["retry_after_seconds"], 1800.0);
    }
    assert!(events.text().contains("shadow denial"), "{}", events.text());
    assert_eq!(
        left(&limiter, "alice", &few()).await,
        0,
        "what would have been denied is not charged"
    );
}

#[tokio::test]
async fn a_shadow_policy_denies_nothing_in_memory() {
    nothing_is_denied(memory().0).await;
}

#[tokio::test]
async fn a_shadow_policy_denies_nothing_through_gates() {
    nothing_is_denied(gated().0).await;
}

#[tokio::test]
async fn a_shadow_policy_denies_nothing_over_dynamodb() {
    nothing_is_denied(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn clients_get_the_shadow_header_only_if_the_policy_sends_it() {
    let (limiter, _) = memory();
    let silent = hello(layer(&limiter, per_user(few()).shadow()));
    let telling = hello(layer(&limiter, per_user(few()).shadow().report_shadow()));
    let of = |response: &http::Response<axum::body::Body>| {
        ["x-ratelimit-shadow", "ratelimit", "ratelimit-policy"]
            .map(|name| text(response, name).map(str::to_owned))
    };
    assert_eq!(of(&ask(&telling, from("alice")).await), [None, None, None]);
    assert_eq!(of(&ask(&silent, from("alice")).await), [None, None, None]);
    assert_eq!(of(&ask(&silent, from("alice")).await), [None, None, None]);
    let told = of(&ask(&telling, from("alice")).await);
    assert_eq!(told, [Some(r#""rph";t=1800"#.to_owned()), None, None]);
}

/// The header is a structured field even for very long waits, and if waiting does not help.
#[tokio::test]
async fn the_shadow_header_is_a_structured_field() {
    let widest = Limit::new(
        "x.Y-z_1",
        Limit::MAX_TOKENS,
        1,
        Duration::from_secs(1_000_000_000),
    )
    .unwrap();
    let small = Limit::per_hour("small", 1);
    let policy = per_user(widest)
        .limit(small)
        .cost("x.Y-z_1", Limit::MAX_TOKENS);
    let policy = policy
        .estimate("small", |_: &tollgate::layer::RequestHead<'_>| Some(2))
        .shadow_limit("x.Y-z_1");
    let app = hello(layer(
        &memory().0,
        policy
            .shadow_limit("small")
            .limit(Limit::per_hour("rph", 9))
            .report_shadow(),
    ));
    let mut told = Vec::new();
    for _ in 0..2 {
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), 200);
        told.push(
            text(&response, "x-ratelimit-shadow")
                .expect("the header")
                .to_owned(),
        );
        sfv::Parser::new(told.last().unwrap())
            .parse::<sfv::List>()
            .expect("a structured field");
    }
    assert_eq!(
        told,
        [r#""small""#, r#""small""#],
        "nothing is charged: the widest is never short"
    );

    let widest = Limit::new(
        "w",
        Limit::MAX_TOKENS,
        1,
        Duration::from_secs(1_000_000_000),
    )
    .unwrap();
    let policy = per_user(widest)
        .cost("w", Limit::MAX_TOKENS)
        .shadow()
        .report_shadow();
    let app = hello(layer(&memory().0, policy));
    assert_eq!(
        text(&ask(&app, from("alice")).await, "x-ratelimit-shadow"),
        None
    );
    let response = ask(&app, from("alice")).await;
    let told = text(&response, "x-ratelimit-shadow").expect("the header");
    sfv::Parser::new(told)
        .parse::<sfv::List>()
        .expect("a structured field");
    assert_eq!(told, r#""w";t=999999999999999"#);
}

#[tokio::test]
async fn a_shadow_policy_refuses_nothing_for_any_other_reason() {
    let (limiter, _) = memory();
    // The cost exceeds the capacity.
    let estimate = |_: &tollgate::layer::RequestHead<'_>| Some(5);
    let app = status_app().layer(layer(
        &limiter,
        per_user(few()).estimate("rph", estimate).shadow(),
    ));
    assert_eq!(shadow_of(&app).await, json!({"verdict": "refused"}));
    // There is no key, or there are no limits.
    let app = hello(layer(&limiter, per_user(few()).shadow()));
    assert_eq!(ask(&app, with_headers(&[])).await.status(), 200);
    let bare = tollgate::layer::Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"));
    assert_eq!(
        status(&hello(layer(&limiter, bare.shadow())), "alice").await,
        200
    );
    // The store is down.
    let settings = RateLimiter::builder().deadline(Duration::from_millis(200));
    let remote = Remote::with(settings).await;
    remote.engine.stop().await;
    let app = status_app().layer(layer(&remote.limiter, per_user(few()).shadow()));
    assert_eq!(shadow_of(&app).await, json!({"verdict": "undecided"}));
}

fn one_observes() -> PolicyBuilder {
    per_user(Limit::per_hour("rph", 3))
        .limit(Limit::per_hour("seen", 1))
        .shadow_limit("seen")
        .report_shadow()
}

async fn single_limits_observe_beside_others(limiter: RateLimiter) {
    let app = hello(layer(&limiter, one_observes()));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (
            response.status().as_u16(),
            text(&response, "x-ratelimit-shadow")
        ),
        (200, None)
    );
    assert_eq!(
        text(&response, "ratelimit"),
        Some(r#""rph";r=2;t=1200"#),
        "those that hold"
    );
    for left in [1, 0] {
        let response = ask(&app, from("alice")).await;
        assert_eq!(
            (
                response.status().as_u16(),
                text(&response, "x-ratelimit-shadow")
            ),
            (200, Some(r#""seen";t=3600"#))
        );
        assert!(
            text(&response, "ratelimit")
                .unwrap()
                .starts_with(&format!(r#""rph";r={left}"#))
        );
    }
    let response = ask(&app, from("alice")).await;
    // `seen` would take an hour.
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (429, Some("1200"))
    );
    assert_eq!(text(&response, "ratelimit"), Some(r#""rph";r=0;t=1200"#));
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).unwrap()["violated-policies"],
        json!(["rph"])
    );
}

#[tokio::test]
async fn single_shadow_limits_deny_nothing_in_memory() {
    single_limits_observe_beside_others(memory().0).await;
}

#[tokio::test]
async fn single_shadow_limits_deny_nothing_through_gates() {
    single_limits_observe_beside_others(gated().0).await;
}

#[tokio::test]
async fn single_shadow_limits_deny_nothing_over_dynamodb() {
    single_limits_observe_beside_others(Remote::start().await.limiter).await;
}

#[tokio::test]
async fn a_policy_of_shadow_limits_alone_only_observes() {
    let app = hello(layer(
        &memory().0,
        per_user(few())
            .shadow_limit("rph")
            .wait(Duration::from_secs(9999)),
    ));
    for _ in 0..5 {
        assert_eq!(status(&app, "alice").await, 200, "nor does anybody wait");
    }
}

#[test]
fn an_unknown_shadow_limit_is_a_mistake() {
    assert!(per_user(few()).shadow_limit("rpm").build().is_err());
}
