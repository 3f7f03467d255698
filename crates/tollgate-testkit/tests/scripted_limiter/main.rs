//! The scripted limiter behind the real layer.

mod records;
mod responses;
mod steps;

use axum::{Router, body::Body, http::Request, response::Response};
use tollgate::{
    Limit, RateLimitLayer,
    layer::{Policy, PolicyBuilder, keys},
};
use tollgate_testkit::TestLimiter;
use tower::ServiceExt;

/// Returns a policy of 60 requests and 1000 tokens per minute. A request costs 100 tokens.
fn policy() -> PolicyBuilder {
    Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("gpt-4"))
        .limit(Limit::per_minute("rpm", 60))
        .limit(Limit::per_minute("tpm", 1000))
        .cost("tpm", 100)
}

fn behind(limiter: &TestLimiter, policy: PolicyBuilder, routes: Router) -> Router {
    routes.layer(RateLimitLayer::new(
        limiter.limiter(),
        policy.build().unwrap(),
    ))
}

fn hello(limiter: &TestLimiter) -> Router {
    behind(limiter, policy(), Router::new().fallback(async || "hello"))
}

async fn ask(app: &Router, user: &str) -> Response {
    let request = Request::get("/")
        .header("x-user", user)
        .body(Body::empty())
        .unwrap();
    app.clone().oneshot(request).await.unwrap()
}

async fn status(app: &Router, user: &str) -> u16 {
    ask(app, user).await.status().as_u16()
}
