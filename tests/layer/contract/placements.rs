//! All places at which the layer can be added.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::net::TcpListener;
use tollgate::{Limit, RateLimitLayer, ServiceBuilderExt};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    sockets,
    world::{ask, from, layer, memory, per_user},
};

fn once() -> RateLimitLayer {
    layer(&memory().0, per_user(Limit::per_hour("rph", 1)))
}

fn routes() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

async fn limits(app: Router) {
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    assert_eq!(ask(&app, from("alice")).await.status(), 429);
    assert_eq!(ask(&app, from("bob")).await.status(), 200);
}

#[tokio::test]
async fn a_layer_can_stand_around_a_router() {
    limits(routes().layer(once())).await;
}

#[tokio::test]
async fn a_layer_can_stand_around_the_routes() {
    let app = routes().route_layer(once());
    limits(app.clone()).await;
    let mut elsewhere = from("alice");
    *elsewhere.uri_mut() = "/elsewhere".parse().unwrap();
    assert_eq!(ask(&app, elsewhere).await.status(), 404);
}

#[tokio::test]
async fn a_layer_can_stand_around_a_method() {
    limits(Router::new().route("/", get(|| async { "hello" }).layer(once()))).await;
}

#[tokio::test]
async fn a_layer_can_stand_in_a_stack_of_layers() {
    limits(
        routes().layer(
            ServiceBuilder::new()
                .concurrency_limit(8)
                .layer(once())
                .concurrency_limit(8),
        ),
    )
    .await;
}

#[tokio::test]
async fn a_layer_can_stand_around_everything() {
    let service = ServiceBuilder::new().layer(once()).service(routes());
    assert_eq!(
        service
            .clone()
            .oneshot(from("alice"))
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(service.oneshot(from("alice")).await.unwrap().status(), 429);
}

#[tokio::test]
async fn a_layer_can_stand_in_a_served_router() {
    let address = sockets::serve(routes().layer(once())).await;
    assert!(
        sockets::head(address, "GET")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
    let denied = sockets::head(address, "GET").await;
    assert!(
        denied.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{denied}"
    );
    assert!(denied.contains("\r\nretry-after: 3600\r\n"), "{denied}");
}

#[tokio::test]
async fn a_layer_can_stand_in_a_hyper_server() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ServiceBuilder::new()
        .layer(once())
        .service_fn(async |_: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
        });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    assert!(
        sockets::head(address, "GET")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
    let denied = sockets::head(address, "GET").await;
    assert!(
        denied.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{denied}"
    );
    assert!(
        denied.contains("content-type: application/problem+json"),
        "{denied}"
    );
}

#[tokio::test]
async fn a_layer_can_stand_around_a_service_that_takes_no_body() {
    let service = ServiceBuilder::new()
        .layer(once())
        .service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        });
    let request = from("alice").map(|_: Body| ());
    assert_eq!(service.oneshot(request).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_layer_can_be_added_by_a_method_of_the_service_builder() {
    let policy = per_user(Limit::per_hour("rph", 1)).build().unwrap();
    let stack = ServiceBuilder::new()
        .concurrency_limit(8)
        .rate_limit_by(memory().0, policy)
        .concurrency_limit(8);
    limits(routes().layer(stack.clone())).await;
    // Clones of the stack share the limit.
    let denied = stack
        .service(routes())
        .oneshot(from("alice"))
        .await
        .unwrap();
    assert_eq!(denied.status(), 429);
}
