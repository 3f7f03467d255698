//! Two layers against made-up keys: the client's address first, in memory; then its key, in the table.
//!
//! A key that nothing has checked yet is text that the client made up. Each one is a new bucket, which costs four write
//! units and six read units, and is full. So the outer layer counts requests by address, in memory, where that costs
//! nothing; only what it grants reaches the table.
//!
//! ```sh
//! cargo run --example two_layers
//! for key in $(seq 30); do curl -s -o /dev/null -w '%{http_code} ' localhost:3000 -H "x-api-key: made-up-$key"; done
//! ```
//!
//! 20 times 200, then 429: the table has seen 20 keys, not 30. Whoever can authenticate before the limiter should do that
//! too: then no made-up key gets as far as this.

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
    tracing_subscriber::fmt().with_env_filter("tollgate=info").with_writer(std::io::stderr).init();
    // The embedded engine lives as long as this variable. With a table of yours: `RateLimiter::open().await?`.
    let (shared, _engine) = table::open().await?;
    // For every process by itself: eight processes let eight times as much reach the table.
    let own = RateLimiter::memory();

    let listener = support::listen().await?;
    println!("Listening on http://{}", listener.local_addr()?);
    // Behind a proxy every peer is the proxy: `Policy::per_client_ip` there.
    let app = app(&own, &shared)?.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(support::stopped()).await?;
    shared.shutdown().await;
    Ok(())
}

/// The service, limited by address in `own`, then by key in `shared`.
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
        // The last one is the outermost: it is asked first.
        .layer(RateLimitLayer::new(own.clone(), per_address)))
}
