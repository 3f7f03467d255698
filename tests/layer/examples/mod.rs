//! The examples work as described: each test runs an example's own service over the embedded
//! engine.
//!
//! An example has its service in a `pub(crate)` function `app`. The test includes the example's
//! file as a module.

mod hot_reload;
mod llm_gateway;
mod per_route;
mod two_layers;

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Method, Request};

use crate::world::ask;

/// Returns the status of a request with the API key `key`, from a loopback address.
async fn status(app: &Router, method: Method, path: &str, key: Option<&str>) -> u16 {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .expect("a request");
    request
        .extensions_mut()
        .insert(ConnectInfo::<std::net::SocketAddr>(
            ([127, 0, 0, 1], 4000).into(),
        ));
    if let Some(key) = key {
        request
            .headers_mut()
            .insert("x-api-key", key.parse().expect("a header value"));
    }
    ask(app, request).await.status().as_u16()
}
