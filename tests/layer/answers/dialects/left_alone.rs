//! What a response has already: lists grow, all else stays.

use tollgate::layer::{Anthropic, IetfDraft, OpenAi, XRateLimit};

use super::{fields, requests_and_tokens};
use crate::world::{app, ask, from, layer, memory};

async fn with(own: &'static [(&'static str, &'static str)], policy: tollgate::layer::PolicyBuilder) -> http::HeaderMap {
    let answer = move || {
        let mut response = http::Response::new(axum::body::Body::empty());
        for (name, value) in own {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    };
    ask(&app(layer(&memory().0, policy), answer), from("alice")).await.headers().clone()
}

fn lines<'a>(headers: &'a http::HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn singletons_stay_with_all_that_belongs_to_them() {
    let headers = with(&[("x-ratelimit-remaining", "7")], requests_and_tokens().dialect(XRateLimit::seconds())).await;
    assert_eq!(lines(&headers, "x-ratelimit-remaining"), ["7"]);
    assert!(!headers.contains_key("x-ratelimit-limit"), "of another limit");
    assert!(!headers.contains_key("x-ratelimit-reset"));

    let policy = requests_and_tokens().dialect(OpenAi::new().requests("rpm").tokens("tpm"));
    let headers = with(&[("x-ratelimit-limit-tokens", "9")], policy).await;
    assert_eq!(lines(&headers, "x-ratelimit-limit-tokens"), ["9"]);
    assert!(!headers.contains_key("x-ratelimit-remaining-tokens"));
    assert_eq!(lines(&headers, "x-ratelimit-remaining-requests"), ["4"], "another limit's");

    let policy = requests_and_tokens().dialect(Anthropic::new().requests("rpm"));
    let headers = with(&[("anthropic-ratelimit-requests-reset", "2030-01-01T00:00:00Z")], policy).await;
    assert_eq!(lines(&headers, "anthropic-ratelimit-requests-reset"), ["2030-01-01T00:00:00Z"]);
    assert!(!headers.contains_key("anthropic-ratelimit-requests-limit"));
}

#[tokio::test]
async fn up_to_draft_7_what_is_left_is_a_singleton_and_the_policy_a_list() {
    let own = &[("ratelimit", "limit=9, remaining=7, reset=5"), ("ratelimit-policy", "9;w=5")];
    let headers = with(own, requests_and_tokens().dialect(IetfDraft::Draft07)).await;
    assert_eq!(lines(&headers, "ratelimit"), ["limit=9, remaining=7, reset=5"]);
    assert_eq!(lines(&headers, "ratelimit-policy"), ["9;w=5", "5;w=60, 1000;w=60"]);

    let own = &[("ratelimit-remaining", "7"), ("ratelimit-policy", "9;w=5")];
    let headers = with(own, requests_and_tokens().dialect(IetfDraft::Draft06)).await;
    assert_eq!(lines(&headers, "ratelimit-remaining"), ["7"]);
    assert!(!headers.contains_key("ratelimit-limit"));
    assert_eq!(lines(&headers, "ratelimit-policy"), ["9;w=5", "5;w=60, 1000;w=60"]);
}

#[tokio::test]
async fn of_nested_layers_the_inner_one_speaks_for_both() {
    let (limiter, _) = memory();
    let inner = layer(&limiter, requests_and_tokens().dialect(XRateLimit::seconds().of("rpm")));
    let outer = requests_and_tokens().resource(tollgate::layer::keys::fixed("outer"));
    let outer = layer(&limiter, outer.dialect(XRateLimit::seconds().of("tpm")));
    let response = ask(&app(inner, || "hello").layer(outer), from("alice")).await;
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    assert_eq!(fields(&response, names), ["5", "4", "12"].map(|value| Some(value.to_owned())));
}
