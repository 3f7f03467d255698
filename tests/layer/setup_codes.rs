//! Mistakes in the set-up: the answer is a 500, and the event, the answer in debug builds and the
//! guide have the same code.

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::get,
};
use http::{Request, header::CONTENT_TYPE};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Key, LeaseHandle, MissingKey, Policy, PolicyBuilder, RequestHead, keys},
};

use crate::{
    events::Events,
    world::{ask, from, layer, memory, per_user},
};

const PAGE: &str = include_str!("../../docs/guide/troubleshooting.md");
const CODES: &str = include_str!("../../src/error/code.rs");

fn policy() -> PolicyBuilder {
    per_user(Limit::per_minute("rpm", 10))
}

/// Returns every mistake that a request can meet, with a service that makes it.
fn mistakes() -> Vec<(&'static str, Router)> {
    #[derive(Clone)]
    struct User;
    let (limiter, _) = memory();
    let hello = || Router::new().route("/", get(|| async { "hello" }));
    let behind = |policy| hello().route_layer(layer(&limiter, policy));
    let own =
        |_: &RequestHead<'_>| -> Result<Key, MissingKey> { Err(MissingKey::setup("no tenants")) };
    vec![
        (
            "TG001",
            hello().layer(RateLimitLayer::per_ip(Limit::per_second("rps", 1))),
        ),
        ("TG003", behind(policy().entity(keys::path_parameter("id")))),
        (
            "TG005",
            behind(policy().entity(keys::extension(|_: &User| Key::name("user")))),
        ),
        (
            "TG006",
            Router::new().route("/", get(|_: LeaseHandle| async {})),
        ),
        (
            "TG007",
            behind(
                Policy::builder()
                    .entity(keys::header("x-user"))
                    .resource(keys::fixed("api")),
            ),
        ),
        (
            "TG009",
            behind(policy().entity(|_: &RequestHead<'_>| Ok(Key::name("two words")))),
        ),
        ("TG010", behind(policy().entity(own))),
    ]
}

#[tokio::test]
async fn each_mistake_has_a_code_in_the_event_and_in_a_debug_builds_answer() {
    for (code, app) in mistakes() {
        let events = Events::collect();
        let response = ask(&app, from("alice")).await;
        assert_eq!(response.status(), 500, "{code}");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        assert_eq!(
            body.contains(&format!("{code}: ")),
            cfg!(debug_assertions),
            "{code}: {body}"
        );
        let text = events.text();
        assert!(
            text.contains("server misconfigured") && text.contains(&format!("code=\"{code}\"")),
            "{code}: {text}"
        );
        // The code is a separate field.
        assert!(!text.contains(&format!("message=\"{code}")), "{text}");
    }
}

#[tokio::test]
async fn grpc_answers_have_the_code_too() {
    let app = Router::new()
        .fallback(|| async {})
        .layer(RateLimitLayer::per_ip(Limit::per_second("rps", 1)));
    let request = Request::post("/")
        .version(http::Version::HTTP_2)
        .header(CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .body(Body::empty())
        .unwrap();
    let response = ask(&app, request).await;
    let message = response.headers()["grpc-message"].to_str().unwrap();
    assert_eq!(
        message.starts_with("TG001: "),
        cfg!(debug_assertions),
        "{message}"
    );
}

#[tokio::test]
async fn errors_have_the_code_too() {
    let error = RateLimiter::memory()
        .acquire("alice", "api")
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("TG007"));
    let limits = [Limit::per_minute("rpm", 1)];
    let error = RateLimiter::memory()
        .acquire("alice", "api")
        .limits(limits)
        .cost("tpm", 1)
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("TG008"));
}

/// Returns the codes, `TG` and three digits, in `text`: sorted, and each once.
fn codes(text: &str) -> Vec<&str> {
    let mut codes: Vec<_> = text
        .match_indices("TG")
        .filter_map(|(at, _)| text.get(at..at + 5))
        .collect();
    codes.retain(|code| code[2..].bytes().all(|byte| byte.is_ascii_digit()));
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[test]
fn the_guide_has_an_entry_for_each_code_and_for_no_other() {
    let headings: String = PAGE
        .lines()
        .filter(|line| line.starts_with("### TG"))
        .collect();
    assert_eq!(codes(&headings), codes(CODES));
}
