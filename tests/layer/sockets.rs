//! Real connections.

use std::net::SocketAddr;

use axum::{Router, serve::ListenerExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves the router on a port of its own, with the peers' addresses.
pub(super) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    // Small frames are sent at once.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a socket"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends the head of a request as `alice`.
pub(super) async fn send(address: SocketAddr, method: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!("{method} / HTTP/1.1\r\nhost: test\r\nx-user: alice\r\n\r\n");
    stream
        .write_all(head.as_bytes())
        .await
        .expect("a request sent");
    stream
}

/// Reads until `end` has been received.
pub(super) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(end) {
        let byte = stream.read_u8().await.expect("more of the response");
        read.push(byte);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Sends a request and returns the status line and headers of the response.
pub(super) async fn head(address: SocketAddr, method: &str) -> String {
    let mut stream = send(address, method).await;
    read_until(&mut stream, "\r\n\r\n").await
}

/// Returns the number of tasks other than the caller.
pub(super) fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

/// Waits until at most this number of tasks is left.
pub(super) async fn until_tasks(count: usize) {
    while tasks() > count {
        tokio::task::yield_now().await;
    }
}
