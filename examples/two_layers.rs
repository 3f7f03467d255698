//! Two layers against made-up keys: the first limits by the client's address, in memory; the second
//! by the key, in the table.
//!
//! A key that nothing has checked yet is text that the client made up. Each such key is a new, full
//! bucket, which costs four write units and three read units. So the outer layer limits requests by
//! address, in memory, which costs nothing. Only requests that it grants reach the table.
//!
//! ```sh
//! cargo run --example two_layers
//! for key in $(seq 30); do curl -s -o /dev/null -w '%{http_code} ' localhost:3000 -H "x-api-key: made-up-$key"; done
//! ```
//!
//! The answers are 200 for 20 requests, then 429: the table has seen 20 keys instead of 30. If you
//! can authenticate before the limiter, do that too: then no made-up key reaches the limiter.

mod support;
#[path = "support/table.rs"]
mod table;

use std::{net::SocketAddr, process::ExitCode};

use axum::{Router, routing::get};
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, keys},
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
    let (shared, _engine) = table::open().await?;
    // Each process counts by itself: eight processes let eight times as many requests reach the
    // table.
    let own = RateLimiter::memory();

    let listener = support::listen().await?;
    println!("Listening on http://{}", listener.local_addr()?);
    // Behind a proxy, the peer address is always the proxy's. Use `Policy::per_client_ip` there.
    let app = app(&own, &shared)?.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(support::stopped())
        .await?;
    shared.shutdown().await;
    Ok(())
}

/// Returns the service, limited by address in `own`, then by key in `shared`.
pub(crate) fn app(own: &RateLimiter, shared: &RateLimiter) -> Result<Router, InvalidPolicy> {
    let per_key = Policy::builder()
        .entity(keys::hashed_header("x-api-key"))
        .resource(keys::fixed("api"))
        .limit(Limit::per_minute("rpm", 60))
        .build()?;
    let per_address = Policy::per_ip(Limit::per_minute("address", 20));
    Ok(Router::new()
        .route("/", get(async || "hello\n"))
        .layer(RateLimitLayer::new(shared.clone(), per_key))
        // The last layer is the outermost: it decides first.
        .layer(RateLimitLayer::new(own.clone(), per_address)))
}
