//! One process without DynamoDB: ten requests per second for every client address, with one line of
//! code.

mod support;

use std::{net::SocketAddr, process::ExitCode};

use axum::{Router, routing::get};
use tollgate::{Limit, RateLimitLayer};

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .layer(RateLimitLayer::per_ip(Limit::per_second("rps", 10)));

    let listener = support::listen().await?;
    println!("Listening on http://{}", listener.local_addr()?);
    // The layer takes the client's address from the connection.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(support::stopped())
        .await?;
    Ok(())
}
