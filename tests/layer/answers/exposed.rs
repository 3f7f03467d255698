//! The response headers that scripts in browsers may be allowed to read.

use std::collections::HashSet;

use axum::response::IntoResponse;
use http::{HeaderName, StatusCode};
use tollgate::{
    Limit, RateLimitLayer,
    layer::{
        Anthropic, IetfDraft, OnUnavailable, OpenAi, Policy, PolicyBuilder, Routes, RoutesHandle,
        XRateLimit, keys, routes::Route,
    },
};

use crate::world::{ask, from, hello, layer, memory, per_user, with_headers};

/// Headers that scripts may always read, or that do not depend on limits.
const SAFE: [&str; 3] = ["cache-control", "content-length", "content-type"];

fn policies() -> Vec<PolicyBuilder> {
    let policy = || {
        per_user(Limit::per_minute("rpm", 1))
            .entity(keys::hashed_header("x-user"))
            .limit(Limit::per_minute("tpm", 100))
            .on_unavailable(OnUnavailable::Block)
    };
    vec![
        policy(),
        policy().dialect(IetfDraft::Draft11),
        policy().dialect(IetfDraft::Draft07),
        policy().dialect(IetfDraft::Draft06),
        policy().dialect(XRateLimit::seconds()),
        policy()
            .dialect(XRateLimit::unix_time().of("tpm"))
            .dialect(IetfDraft::Draft06),
        policy().dialect(OpenAi::new().requests("rpm").tokens("tpm")),
        policy()
            .dialect(OpenAi::new().tokens("tpm"))
            .dialect(Anthropic::new().requests("rpm").input_tokens("tpm")),
        policy()
            .dialect(Anthropic::new().tokens("rpm").output_tokens("tpm"))
            .dialect(XRateLimit::seconds()),
    ]
}

#[tokio::test]
async fn the_exposed_headers_of_a_policy_are_all_that_it_sends_and_no_others() {
    for policy in policies() {
        let policy = policy.build().expect("a policy");
        let exposed = policy.exposed_headers();
        let app = hello(RateLimitLayer::new(memory().0, policy));
        let mut sent: Vec<HeaderName> = Vec::new();
        for (request, status) in [
            (from("alice"), StatusCode::OK),
            (from("alice"), StatusCode::TOO_MANY_REQUESTS),
            (with_headers(&[]), StatusCode::UNAUTHORIZED),
        ] {
            let response = ask(&app, request).await;
            assert_eq!(response.status(), status);
            sent.extend(
                response
                    .headers()
                    .keys()
                    .filter(|name| !SAFE.contains(&name.as_str()))
                    .cloned(),
            );
        }
        for name in &sent {
            assert!(exposed.contains(name), "{name} is not in {exposed:?}");
        }
        for name in &exposed {
            assert!(sent.contains(name), "{name} is not in {sent:?}");
        }
    }
}

/// A table exposes the headers of all its policies, each once. A swappable layer exposes those of
/// its current table.
#[test]
fn the_exposed_headers_of_a_table_are_those_of_its_policies() {
    let policy = |policy: PolicyBuilder| policy.build().expect("a policy");
    let many = policies().into_iter().map(policy).collect::<Vec<_>>();
    let mut routes = Routes::builder();
    for (index, policy) in many.iter().enumerate() {
        routes = routes.route(Route::path(format!("/{index}")), policy.clone());
    }
    let routes = routes
        .unlimited(Route::path("/free"))
        .otherwise(Policy::per_ip(Limit::per_second("rps", 1)))
        .unwrap();
    let exposed = routes.exposed_headers();
    let each: HashSet<_> = many.iter().flat_map(Policy::exposed_headers).collect();
    assert_eq!(exposed.iter().cloned().collect::<HashSet<_>>(), each);
    assert_eq!(exposed.len(), each.len(), "each once");

    let fixed = RateLimitLayer::new(memory().0, routes.clone());
    assert_eq!(fixed.exposed_headers(), exposed);
    let handle = RoutesHandle::new(many[0].clone());
    let layer = RateLimitLayer::new(memory().0, &handle);
    assert_eq!(layer.exposed_headers(), many[0].exposed_headers());
    handle.swap(routes);
    assert_eq!(layer.exposed_headers(), exposed);
    handle.swap(Routes::builder().otherwise_unlimited().unwrap());
    assert!(layer.exposed_headers().is_empty());
}

/// The last rule is included too.
#[test]
fn the_exposed_headers_of_a_table_with_one_policy_are_those_of_the_policy() {
    let policy = Policy::per_ip(Limit::per_second("rps", 1));
    let routes = Routes::builder()
        .unlimited(Route::path("/free"))
        .otherwise(policy.clone())
        .unwrap();
    assert_eq!(routes.exposed_headers(), policy.exposed_headers());
}

#[tokio::test]
async fn the_exposed_headers_make_a_header() {
    let policy = layer(&memory().0, per_user(Limit::per_minute("rpm", 1)));
    let exposed = per_user(Limit::per_minute("rpm", 1))
        .build()
        .unwrap()
        .exposed_headers();
    let value = exposed
        .iter()
        .map(HeaderName::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let app = hello(policy).layer(axum::middleware::map_response(
        move |response: axum::response::Response| {
            let value = value.clone();
            async move { ([("access-control-expose-headers", value)], response).into_response() }
        },
    ));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        response.headers()["access-control-expose-headers"],
        "retry-after, www-authenticate, ratelimit, ratelimit-policy"
    );
}
