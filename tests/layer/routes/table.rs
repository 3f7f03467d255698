//! The first row that matches, and the rule for all other requests.

use http::Method;
use tollgate::{
    Limit,
    layer::{Route, Routes},
};
use tower::{Layer, ServiceExt};

use super::{bare, by, get, named, request, rule};
use crate::world::{alices_tokens, from, memory, per_user, ten_tokens};

#[tokio::test]
async fn the_first_row_that_matches_holds() {
    let routes = Routes::builder()
        .route(Route::path("/api/chat"), named("chat"))
        .unlimited(Route::path("/api/health"))
        .route(Route::prefix("/api"), named("api"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (path, expected) in [
        ("/api/chat", "chat"),
        ("/api/chat?model=small", "chat"),
        ("/api/health", "unlimited"),
        ("/api/other", "api"),
        ("/elsewhere", "rest"),
        ("/", "rest"),
    ] {
        assert_eq!(get(&service, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_request_is_unlimited_only_if_a_row_says_so() {
    let service = bare(
        Routes::builder()
            .route(Route::path("/a"), named("a"))
            .otherwise_unlimited()
            .unwrap(),
    );
    assert_eq!(get(&service, "/a").await, "a");
    assert_eq!(get(&service, "/b").await, "unlimited");
    let empty = bare(Routes::builder().otherwise(named("all")).unwrap());
    assert_eq!(get(&empty, "/b").await, "all");
}

#[tokio::test]
async fn a_row_can_be_for_some_methods_only() {
    let routes = Routes::builder()
        .route(
            Route::path("/a").method(Method::POST).method(Method::PUT),
            named("write"),
        )
        .route(Route::path("/a").method(Method::GET), named("read"))
        .route(Route::any().method(Method::DELETE), named("delete"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    for (method, expected) in [
        (Method::POST, "write"),
        (Method::PUT, "write"),
        (Method::GET, "read"),
        // As in axum, whose GET handlers also answer HEAD.
        (Method::HEAD, "read"),
        (Method::DELETE, "delete"),
        (Method::OPTIONS, "rest"),
        (Method::from_bytes(b"PURGE").unwrap(), "rest"),
    ] {
        assert_eq!(
            rule(&service, method.clone(), "/a").await,
            expected,
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_row_of_its_own_for_head_comes_first() {
    let routes = Routes::builder()
        .unlimited(Route::any().method(Method::HEAD))
        .route(Route::any().method(Method::GET), named("read"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    assert_eq!(rule(&service, Method::HEAD, "/a").await, "unlimited");
    assert_eq!(get(&service, "/a").await, "read");
}

#[tokio::test]
async fn a_row_can_match_by_a_closure() {
    let beta = Route::matching(|head| head.headers.contains_key("x-beta"));
    let service = bare(
        Routes::builder()
            .route(beta, named("beta"))
            .otherwise(named("rest"))
            .unwrap(),
    );
    assert_eq!(get(&service, "/a").await, "rest");
    let mut tester = request(Method::GET, "/a");
    tester.headers_mut().insert("x-beta", "1".parse().unwrap());
    let response = service.oneshot(tester).await.unwrap();
    assert!(
        response.headers()["ratelimit-policy"]
            .to_str()
            .unwrap()
            .starts_with("\"beta\"")
    );
}

#[tokio::test]
async fn request_targets_without_a_path_match_no_template() {
    let routes = Routes::builder()
        .route(Route::prefix("/"), named("paths"))
        .otherwise(named("rest"))
        .unwrap();
    let service = bare(routes);
    assert_eq!(rule(&service, Method::OPTIONS, "*").await, "rest");
    assert_eq!(
        rule(&service, Method::CONNECT, "example.org:443").await,
        "rest"
    );
    assert_eq!(get(&service, "http://example.org/a").await, "paths");
}

#[tokio::test]
async fn rows_keep_their_policies_whole() {
    let (limiter, _) = memory();
    let routes = Routes::builder()
        .route(Route::path("/tokens"), ten_tokens().build().unwrap())
        .otherwise(
            per_user(Limit::per_hour("rph", 1))
                .resource(tollgate::layer::keys::fixed("other"))
                .build()
                .unwrap(),
        )
        .unwrap();
    let service = tollgate::RateLimitLayer::new(limiter.clone(), routes).layer(tower::service_fn(
        async |_| Ok::<_, std::convert::Infallible>(http::Response::<axum::body::Body>::default()),
    ));
    let ask = async |path: &'static str| {
        let mut request = from("alice");
        *request.uri_mut() = http::Uri::from_static(path);
        service
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(
        [
            ask("/tokens").await,
            ask("/tokens").await,
            ask("/x").await,
            ask("/x").await
        ],
        [200, 200, 200, 429]
    );
    assert_eq!(alices_tokens(&limiter).await, 80);
}

#[test]
fn the_debug_output_of_a_table_lists_its_rows() {
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz").method(Method::GET))
        .route(Route::prefix("/api/"), named("api"))
        .otherwise_unlimited()
        .unwrap();
    let text = format!("{:?}", by(routes));
    for part in [
        "GET /healthz: Unlimited",
        "/api/…: Limited(Policy",
        "otherwise: Unlimited",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
