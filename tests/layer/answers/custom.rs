//! Custom answers to refused requests.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use tollgate::{
    Limit,
    layer::{Jitter, Refusal, RefusalReason, keys},
};

use super::reasons::{ALL, Why, World};
use crate::world::{ask, from, hello, layer, left_of, memory, per_user, status, text};

fn name(reason: RefusalReason<'_>) -> &'static str {
    match reason {
        RefusalReason::Denied(denied) => {
            assert_eq!(
                reason
                    .violated()
                    .map(|status| status.limit.name().as_str())
                    .collect::<Vec<_>>(),
                ["rpm"]
            );
            assert_eq!(denied.entity, "alice");
            "denied"
        }
        RefusalReason::ExceedsCapacity(error) => {
            assert_eq!((error.requested, error.capacity), (6, 5));
            "exceeds"
        }
        RefusalReason::Disabled(error) => {
            assert_eq!(error.entity, "alice");
            "disabled"
        }
        RefusalReason::Unavailable(_) => "unavailable",
        RefusalReason::MissingKey(missing) => {
            assert!(missing.to_string().contains("missing"), "{missing}");
            "missing"
        }
        RefusalReason::Misconfigured(_) => "misconfigured",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_custom_answer_gets_the_reason_and_the_default_answer() {
    for why in ALL {
        let answer = |refusal: Refusal<'_>| {
            assert_eq!(refusal.head.uri.path(), "/");
            let suggested = refusal.response.status().as_str().to_owned();
            let wait = refusal
                .retry_after
                .map_or("-".to_owned(), |wait| wait.as_secs().to_string());
            let told = refusal
                .response
                .headers()
                .get("retry-after")
                .map_or("-", |value| value.to_str().unwrap());
            let text = format!("{} {suggested} {wait} {told}", name(refusal.reason));
            let mut response = Response::new(Bytes::from(text));
            *response.status_mut() = StatusCode::IM_A_TEAPOT;
            response
        };
        let world = World::new(why, |policy| policy.answer(answer)).await;
        let response = ask(&world.app, world.request()).await;
        assert_eq!(response.status(), 418);
        assert_eq!(text(&response, "ratelimit"), None, "nothing is added to it");
        let bytes = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        let expected = match why {
            Why::Denied => "denied 429 12 12",
            Why::ExceedsCapacity => "exceeds 429 - -",
            Why::Disabled => "disabled 403 - -",
            Why::Unavailable => "unavailable 503 1 1",
            Why::MissingKey => "missing 400 - -",
            Why::MissingCredential => "missing 401 - -",
            Why::Setup => "misconfigured 500 - -",
        };
        assert_eq!(bytes, expected.as_bytes());
    }
}

#[tokio::test]
async fn a_custom_answer_can_change_a_part_of_the_default_answer() {
    let answer = |mut refusal: Refusal<'_>| {
        refusal
            .response
            .headers_mut()
            .insert("x-why", HeaderValue::from_static("limit"));
        refusal.response
    };
    let world = World::new(Why::Denied, |policy| policy.answer(answer)).await;
    let response = ask(&world.app, world.request()).await;
    assert_eq!(response.status(), 429);
    assert_eq!(text(&response, "x-why"), Some("limit"));
    assert_eq!(text(&response, "retry-after"), Some("12"));
    assert_eq!(text(&response, "ratelimit"), Some(r#""rpm";r=0;t=12"#));
}

#[tokio::test]
async fn a_custom_answer_cannot_make_outer_layers_charge_for_it() {
    let (limiter, _) = memory();
    let outer = Limit::per_hour("rph", 10);
    let inner = per_user(Limit::per_minute("rpm", 1))
        .answer(|_: Refusal<'_>| Response::new(Bytes::from("welcome")));
    let outer_layer = layer(
        &limiter,
        per_user(outer.clone()).resource(keys::fixed("outer")),
    );
    let app = hello(layer(&limiter, inner)).layer(outer_layer);
    for _ in 0..5 {
        assert_eq!(
            status(&app, "alice").await,
            200,
            "or what the closure makes of it"
        );
    }
    assert_eq!(left_of(&limiter, "alice", "outer", &outer).await, 9);
}

#[tokio::test]
async fn a_custom_answer_to_head_has_no_body() {
    let answer = |_: Refusal<'_>| Response::new(Bytes::from("twelve bytes"));
    let world = World::new(Why::Denied, |policy| policy.answer(answer)).await;
    let mut request = world.request();
    *request.method_mut() = Method::HEAD;
    let response = ask(&world.app, request).await;
    assert_eq!(text(&response, "content-length"), Some("12"));
    assert!(
        axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_custom_answer_gets_the_retry_time_with_jitter() {
    let answer = |refusal: Refusal<'_>| {
        let wait = refusal.retry_after.expect("a wait");
        assert!(
            (Duration::from_secs(12)..=Duration::from_secs(24)).contains(&wait),
            "{wait:?}"
        );
        let told: u64 = refusal.response.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            Duration::from_secs(told) >= wait && told <= 24,
            "{told} {wait:?}"
        );
        refusal.response
    };
    let world = World::new(Why::Denied, |policy| {
        policy.jitter(Jitter::percent(100)).answer(answer)
    })
    .await;
    for _ in 0..20 {
        assert_eq!(ask(&world.app, world.request()).await.status(), 429);
    }
}

#[tokio::test]
async fn granted_requests_get_no_custom_answer() {
    let policy = per_user(Limit::per_minute("rpm", 1))
        .answer(|_: Refusal<'_>| -> Response<Bytes> { panic!("granted") });
    assert_eq!(
        ask(&hello(layer(&memory().0, policy)), from("alice"))
            .await
            .status(),
        200
    );
}
