//! Servers on loopback.

use std::time::Duration;

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Serves a router, and returns its URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/")
}

/// Answers each connection with these bytes, and closes it. No bytes: it never answers.
pub(crate) async fn answer_with(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                if bytes.is_empty() {
                    tokio::time::sleep(Duration::from_secs(600)).await;
                }
                let _ = stream.write_all(bytes).await;
            });
        }
    });
    format!("http://{address}/")
}

/// Returns a URL on which nobody listens.
pub(crate) async fn refusing() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}
