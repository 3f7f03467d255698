//! A gRPC server: tonic takes the layer as it takes any tower layer.
//!
//! The service is gRPC's own health check, so there is nothing to generate. Every `x-api-key` may ask five times
//! a minute; without one there is no key, and the call is refused.

use tokio_stream::wrappers::TcpListenerStream;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, keys},
};
use tonic::transport::Server;
use tonic_health::server::health_reporter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(3000);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("Listening on {}", listener.local_addr()?);
    println!("  grpcurl -plaintext -H 'x-api-key: alice' localhost:{port} grpc.health.v1.Health/Check");
    serve(listener).await
}

pub(crate) async fn serve(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
    let (_reporter, health) = health_reporter();
    Server::builder().layer(layer()?).add_service(health).serve_with_incoming(TcpListenerStream::new(listener)).await?;
    Ok(())
}

fn layer() -> Result<RateLimitLayer, InvalidPolicy> {
    let policy = Policy::builder()
        // gRPC metadata is HTTP headers.
        .entity(keys::hashed_header("x-api-key"))
        .resource(keys::fixed("grpc"))
        .limit(Limit::per_minute("rpm", 5))
        .build()?;
    Ok(RateLimitLayer::new(RateLimiter::memory(), policy))
}
