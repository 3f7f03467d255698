//! One layer for a whole service. A table assigns a policy to each route.
//!
//! The limits live in an embedded engine, unless `AWS_ENDPOINT_URL_DYNAMODB` names another
//! endpoint.

mod support;
#[path = "support/table.rs"]
mod table;

use std::{error::Error, net::SocketAddr, process::ExitCode};

use axum::{
    Router,
    http::Method,
    routing::{get, post},
};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, Route, Routes, keys},
};

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    tracing_subscriber::fmt()
        .with_env_filter("tollgate=info")
        .with_writer(std::io::stderr)
        .init();
    // The embedded engine lives as long as this variable. For your own table, use
    // `RateLimiter::open().await?`.
    let (limiter, _engine) = table::open().await?;
    let listener = support::listen().await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let app = app(&limiter)?.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(support::stopped())
        .await?;
    limiter.shutdown().await;
    Ok(())
}

/// Returns the service, limited by `limiter`.
pub(crate) fn app(limiter: &RateLimiter) -> Result<Router, Box<dyn Error>> {
    Ok(Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/login", post(async || "welcome\n"))
        .route("/v1/chat/completions", post(async || "Hello!\n"))
        .route("/v1/models", get(async || "one model\n"))
        .route(
            "/v1/users/{id}",
            get(async || "a user\n").delete(async || "gone\n"),
        )
        // `layer` instead of `route_layer`: requests for unknown paths are limited too.
        .layer(RateLimitLayer::new(limiter.clone(), routes()?)))
}

fn routes() -> Result<Routes, Box<dyn Error>> {
    let routes = Routes::builder()
        .unlimited(Route::path("/healthz"))
        // A limit against guessing passwords: a few requests per address.
        .route(
            Route::path("/login").method(Method::POST),
            per_address("login", Limit::per_minute("rpm", 3))?,
        )
        // The most expensive route has its own limit.
        .route(
            Route::path("/v1/chat/completions"),
            per_key("chat", Limit::per_minute("rpm", 5))?,
        )
        // The row is matched by axum's template: the pages of all users are one resource.
        .route(
            Route::matched_path("/v1/users/{id}").method(Method::DELETE),
            per_key("delete-user", Limit::per_hour("rph", 2))?,
        )
        .route(
            Route::prefix("/v1"),
            per_key("api", Limit::per_minute("rpm", 20))?,
        )
        .otherwise(per_address("other", Limit::per_minute("rpm", 10))?)?;
    Ok(routes)
}

fn per_key(resource: &str, limit: Limit) -> Result<Policy, InvalidPolicy> {
    Policy::builder()
        .entity(keys::hashed_header("x-api-key"))
        .resource(keys::fixed(resource))
        .limit(limit)
        .build()
}

fn per_address(resource: &str, limit: Limit) -> Result<Policy, InvalidPolicy> {
    Policy::builder()
        .entity(keys::peer_ip())
        .resource(keys::fixed(resource))
        .limit(limit)
        .without_parent()
        .build()
}
