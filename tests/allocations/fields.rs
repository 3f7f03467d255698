//! Allocations of the headers that report limits.

use std::convert::Infallible;

use allocation_counter::measure;
use axum::body::Body;
use http::{Request, Response};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{Policy, ReportLimits, keys},
};
use tower::{Layer, Service};

use super::now;

/// Returns the number of allocations of a granted request.
fn of_a_request(report: ReportLimits, limits: usize) -> u64 {
    let mut policy = Policy::builder()
        .entity(keys::header("x-user"))
        .resource(keys::fixed("api"))
        .report(report);
    for limit in 0..limits {
        policy = policy.limit(Limit::per_second(format!("limit-{limit}"), 1_000_000));
    }
    let layer = RateLimitLayer::new(RateLimiter::memory(), policy.build().unwrap());
    let inner = tower::service_fn(|_: Request<Body>| {
        // The response already has a header, as nearly all responses do.
        let mut response = Response::new(Body::empty());
        response
            .headers_mut()
            .insert("content-type", http::HeaderValue::from_static("text/plain"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut service = layer.layer(inner);
    let mut ask = || {
        let mut request = Request::new(Body::empty());
        request
            .headers_mut()
            .insert("x-user", http::HeaderValue::from_static("alice"));
        drop(now(service.call(request)).unwrap());
    };
    ask();
    measure(ask).count_total
}

#[test]
fn the_headers_of_one_limit_are_one_allocation() {
    let silent = of_a_request(ReportLimits::Off, 1);
    // One allocation is the value of `RateLimit`. The value of `RateLimit-Policy` was built before.
    assert_eq!(of_a_request(ReportLimits::All, 1) - silent, 1);
    assert_eq!(of_a_request(ReportLimits::Nearest, 1) - silent, 1);
}
