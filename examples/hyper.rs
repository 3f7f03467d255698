//! A hyper server without axum, for HTTP/1.1 and HTTP/2. The layer wraps any `tower::Service`.

mod support;

use std::{convert::Infallible, process::ExitCode};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tollgate::{Limit, RateLimitLayer, layer::keys::PeerAddr};
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> ExitCode {
    support::exit(run().await)
}

async fn run() -> Result<(), support::Failure> {
    let listener = support::listen().await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let limit = RateLimitLayer::per_ip(Limit::per_minute("rpm", 5));
    tokio::select! {
        served = serve(listener, limit) => served?,
        () = support::stopped() => {}
    }
    Ok(())
}

pub(crate) async fn serve(listener: TcpListener, limit: RateLimitLayer) -> std::io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = ServiceBuilder::new()
            // Clones of the layer share its limits, so all connections share them.
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                request
            })
            .layer(limit.clone())
            .service_fn(hello);
        tokio::spawn(async move {
            // Detects the HTTP version from the first bytes of the connection.
            let connection = auto::Builder::new(TokioExecutor::new());
            let served = connection
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .await;
            if let Err(error) = served {
                eprintln!("connection from {peer}: {error}");
            }
        });
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("hello\n")))
}
