//! The dialects in which responses report limits.

mod anthropic;
mod existing_headers;
mod ietf_drafts;
mod open_ai;
mod quotas;
mod valid_policies;
mod x_rate_limit;

use axum::body::Body;
use http::Response;
use tollgate::{Limit, layer::PolicyBuilder};

use crate::world::{ask, from, hello, layer, memory, per_user};

/// 5 requests and 1000 tokens a minute. A request costs 400 tokens.
fn requests_and_tokens() -> PolicyBuilder {
    per_user(Limit::per_minute("rpm", 5))
        .limit(Limit::per_minute("tpm", 1000))
        .cost("tpm", 400)
}

/// Returns two granted responses and a denial: 400 tokens are available in 12 s. The clock shows
/// 22:13:20.
async fn three(policy: PolicyBuilder) -> [Response<Body>; 3] {
    let app = hello(layer(&memory().0, policy));
    let responses = [
        ask(&app, from("alice")).await,
        ask(&app, from("alice")).await,
        ask(&app, from("alice")).await,
    ];
    assert_eq!(
        responses
            .each_ref()
            .map(|response| response.status().as_u16()),
        [200, 200, 429]
    );
    assert_eq!(responses[2].headers()["retry-after"], "12");
    responses
}

/// Returns the values of these headers, each of which occurs at most once.
fn fields<const N: usize>(response: &Response<Body>, names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| {
        let values: Vec<_> = response.headers().get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name}: {values:?}");
        values
            .first()
            .map(|value| value.to_str().expect("text").to_owned())
    })
}

fn all<const N: usize>(response: &Response<Body>, names: [&str; N]) -> [String; N] {
    fields(response, names).map(|value| value.expect("a field"))
}
