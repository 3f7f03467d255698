//! A gRPC server. tonic accepts the layer like any other tower layer.
//!
//! The service is gRPC's own health check, so there is no code to generate. Each `x-api-key` is
//! allowed five calls per minute. A call without a key is refused.

mod support;

use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tollgate::{
    Limit, RateLimitLayer, RateLimiter,
    layer::{InvalidPolicy, Policy, keys},
};
use tonic::transport::Server;
use tonic_health::server::health_reporter;

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    let listener = support::listen().await?;
    println!("Listening on {}", listener.local_addr()?);
    println!(
        "  grpcurl -plaintext -H 'x-api-key: alice' localhost:{} grpc.health.v1.Health/Check",
        listener.local_addr()?.port()
    );
    serve(listener, support::stopped()).await
}

/// Serves until `stopped` completes.
pub(crate) async fn serve(
    listener: TcpListener,
    stopped: impl Future<Output = ()>,
) -> Result<(), support::Failure> {
    let (_reporter, health) = health_reporter();
    let server = Server::builder().layer(layer()?).add_service(health);
    server
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped)
        .await?;
    Ok(())
}

fn layer() -> Result<RateLimitLayer, InvalidPolicy> {
    let policy = Policy::builder()
        // gRPC metadata is sent as HTTP headers.
        .entity(keys::hashed_header("x-api-key"))
        .resource(keys::fixed("grpc"))
        .limit(Limit::per_minute("rpm", 5))
        .build()?;
    Ok(RateLimitLayer::new(RateLimiter::memory(), policy))
}
