//! Clones share the limit, and so do routes that share a limiter.

use axum::{Router, routing::get};
use tollgate::{Limit, RateLimitLayer, layer::keys::PeerAddr};
use tower::{Layer, ServiceExt};

use crate::world::{ask, from, hello, layer, memory, per_user, status};

#[tokio::test]
async fn clones_of_a_layer_share_the_limit() {
    let one = layer(&memory().0, per_user(Limit::per_hour("rph", 2)));
    let apps = [hello(one.clone()), hello(one.clone()), hello(one)];
    assert_eq!(
        [
            status(&apps[0], "a").await,
            status(&apps[1], "a").await,
            status(&apps[2], "a").await
        ],
        [200, 200, 429]
    );
}

#[tokio::test]
async fn clones_of_a_service_share_the_limit() {
    let service = layer(&memory().0, per_user(Limit::per_hour("rph", 2))).layer(tower::service_fn(
        async |_| Ok::<_, std::convert::Infallible>(http::Response::<axum::body::Body>::default()),
    ));
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(
            service
                .clone()
                .oneshot(from("a"))
                .await
                .unwrap()
                .status()
                .as_u16(),
        );
    }
    assert_eq!(answers, [200, 200, 429]);
}

#[tokio::test]
async fn routes_that_share_a_limiter_share_the_limit() {
    let (limiter, _) = memory();
    let per_route = || layer(&limiter, per_user(Limit::per_hour("rph", 2)));
    let app = Router::new()
        .route("/a", get(|| async {}).layer(per_route()))
        .route("/b", get(|| async {}).layer(per_route()));
    let mut answers = Vec::new();
    for path in ["/a", "/b", "/a", "/b"] {
        let mut request = from("a");
        *request.uri_mut() = path.parse().unwrap();
        answers.push(ask(&app, request).await.status().as_u16());
    }
    assert_eq!(answers, [200, 200, 429, 429]);
}

#[tokio::test]
async fn layers_with_limiters_of_their_own_share_nothing() {
    let limit = || RateLimitLayer::per_ip(Limit::per_hour("rph", 1));
    for app in [hello(limit()), hello(limit())] {
        let mut request = from("a");
        request
            .extensions_mut()
            .insert(PeerAddr("192.0.2.1:80".parse().unwrap()));
        assert_eq!(ask(&app, request).await.status(), 200);
    }
}
