//! Several layers around one service.

use axum::Router;
use tollgate::{Limit, RateLimiter, layer::keys};

use crate::world::{ask, from, hello, layer, memory, per_user};

fn nested(limiter: &RateLimiter, inner: u64, outer: u64) -> Router {
    let outer = per_user(Limit::per_hour("rph", outer)).resource(keys::fixed("outer"));
    hello(layer(limiter, per_user(Limit::per_minute("rpm", inner)))).layer(layer(limiter, outer))
}

fn lines<'a>(response: &'a http::Response<axum::body::Body>, field: &str) -> Vec<&'a str> {
    response.headers().get_all(field).iter().map(|line| line.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_granted_response_has_the_fields_of_all() {
    let response = ask(&nested(&memory().0, 10, 100), from("alice")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(lines(&response, "ratelimit-policy"), [r#""rpm";q=10;w=60"#, r#""rph";q=100;w=3600"#]);
    assert_eq!(lines(&response, "ratelimit"), [r#""rpm";r=9;t=6"#, r#""rph";r=99;t=36"#]);
}

#[tokio::test]
async fn a_denial_is_that_of_the_layer_that_denied() {
    let app = nested(&memory().0, 1, 100);
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    let response = ask(&app, from("alice")).await;
    assert_eq!(response.status(), 429);
    assert_eq!(lines(&response, "retry-after"), ["60"]);
    assert_eq!(
        lines(&response, "ratelimit"),
        [r#""rpm";r=0;t=60"#, r#""rph";r=99;t=36"#],
        "the outer one's as if it had not been asked"
    );
    assert_eq!(lines(&response, "cache-control"), ["no-store"]);
}
