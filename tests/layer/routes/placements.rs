//! A table can be placed in every place of a policy.

use std::{convert::Infallible, io};

use axum::{Router, body::Body, routing};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tollgate::{
    Limit, RateLimitLayer,
    layer::{Policy, Route, Routes, keys},
};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::world::{ask, from, memory, per_user};

/// Returns a layer that allows `/` once an hour for each user, and `/free` without limit.
fn once_at_the_root() -> RateLimitLayer {
    let once = per_user(Limit::per_hour("rph", 1)).build().unwrap();
    let routes = Routes::builder()
        .route(Route::path("/").method(Method::GET), once)
        .otherwise_unlimited()
        .unwrap();
    RateLimitLayer::new(memory().0, routes)
}

fn routes() -> Router {
    Router::new()
        .route("/", routing::get(async || "hello"))
        .route("/free", routing::get(async || "free"))
}

fn to(path: &'static str) -> Request<Body> {
    let mut request = from("alice");
    *request.uri_mut() = http::Uri::from_static(path);
    request
}

async fn limits(app: Router) {
    for (path, expected) in [("/", 200), ("/", 429), ("/free", 200), ("/free", 200)] {
        assert_eq!(ask(&app, to(path)).await.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn a_table_can_stand_in_axum() {
    limits(routes().layer(once_at_the_root())).await;
    limits(routes().route_layer(once_at_the_root())).await;
    limits(
        routes().layer(
            ServiceBuilder::new()
                .concurrency_limit(8)
                .layer(once_at_the_root()),
        ),
    )
    .await;
    let layer = once_at_the_root();
    let each = |text: &'static str| routing::get(async move || text).layer(layer.clone());
    limits(
        Router::new()
            .route("/", each("hello"))
            .route("/free", each("free")),
    )
    .await;
}

#[tokio::test]
async fn a_table_can_stand_around_everything() {
    let service = ServiceBuilder::new()
        .layer(once_at_the_root())
        .service(routes());
    for (path, expected) in [("/", 200), ("/", 429), ("/free", 200)] {
        assert_eq!(
            service.clone().oneshot(to(path)).await.unwrap().status(),
            expected,
            "{path}"
        );
    }
}

/// Runs a hyper server without a router, and a client with the requested HTTP version.
async fn over_hyper(http2: bool) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        ServiceBuilder::new()
            .layer(once_at_the_root())
            .service_fn(async |_: Request<Incoming>| {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
            });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .map_err(drop)
            });
        }
    });
    let client = Client::builder(TokioExecutor::new())
        .http2_only(http2)
        .build_http::<Empty<Bytes>>();
    for (path, expected) in [("", 200), ("", 429), ("free", 200), ("free", 200)] {
        let request = Request::get(format!("http://{address}/{path}")).header("x-user", "alice");
        let response = client
            .request(request.body(Empty::new()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), expected, "/{path}");
        assert_eq!(response.version() == http::Version::HTTP_2, http2);
        assert_eq!(
            response.headers().contains_key("retry-after"),
            expected == 429
        );
    }
}

#[tokio::test]
async fn a_table_can_stand_in_a_hyper_server_over_http_1() {
    over_hyper(false).await;
}

#[tokio::test]
async fn a_table_can_stand_in_a_hyper_server_over_http_2() {
    over_hyper(true).await;
}

#[tokio::test]
async fn the_error_of_the_inner_service_is_kept() {
    let inner = tower::service_fn(async |_: Request<Body>| {
        Err::<Response<Full<Bytes>>, _>(io::Error::other("broken"))
    });
    let service = once_at_the_root().layer(inner);
    for path in ["/free", "/"] {
        let error: io::Error = service.clone().oneshot(to(path)).await.unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }
    // The request is charged, because a client can provoke the error.
    assert_eq!(service.oneshot(to("/")).await.unwrap().status(), 429);
}

#[tokio::test]
async fn a_table_takes_bodies_of_any_kind() {
    let inner = tower::service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = once_at_the_root().layer(inner);
    let statuses = async |path| {
        service
            .clone()
            .oneshot(to(path).map(drop))
            .await
            .unwrap()
            .status()
    };
    assert_eq!(statuses("/").await, StatusCode::OK);
    assert_eq!(statuses("/").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(statuses("/free").await, StatusCode::OK);
}

/// A refused route releases what the inner service reserved for the request.
#[tokio::test]
async fn a_refusal_releases_the_readiness_of_the_inner_service() {
    let hello = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let inner = tower::limit::ConcurrencyLimitLayer::new(1).layer(hello);
    let policy = Policy::builder()
        .entity(keys::fixed("all"))
        .resource(keys::fixed("a"))
        .limit(Limit::per_hour("rph", 9));
    let routes = Routes::builder()
        .route(Route::path("/a"), policy.build().unwrap())
        .otherwise_unlimited()
        .unwrap();
    let mut service = RateLimitLayer::new(memory().0, routes).layer(inner);
    let mut other = service.clone();
    let refused = tower::Service::call(service.ready().await.unwrap(), to("/%61"));
    assert!(crate::world::poll_once(std::pin::pin!(other.ready())).is_ready());
    assert_eq!(refused.await.unwrap().status(), 400);
}
