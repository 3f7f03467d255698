//! One process, no DynamoDB: ten requests a second for every client address, in one line.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use tollgate::{Limit, RateLimitLayer};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .layer(RateLimitLayer::per_ip(Limit::per_second("rps", 10)));

    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    // The layer takes the client's address from the connection.
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}
