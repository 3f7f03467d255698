//! A proxy whose clients break off their request bodies.

use axum::{Router, body::Body, extract::Request, routing::post};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::StreamExt;
use tollgate::{
    Limit,
    layer::{Outcome, PolicyBuilder},
};
use tower::{Layer, ServiceExt};

use crate::{
    sockets,
    world::{layer, left, memory, per_user},
};

/// Bytes that are sent of a body that announces more.
const SENT: usize = 20_480;

/// Sends a notification when it has received `SENT` bytes of a body.
fn upstream(arrived: mpsc::UnboundedSender<()>) -> Router {
    let handler = async move |request: Request| {
        let mut body = request.into_body().into_data_stream();
        let mut bytes = 0;
        while let Some(Ok(piece)) = body.next().await {
            bytes += piece.len();
            if bytes == SENT {
                arrived.send(()).unwrap();
            }
        }
    };
    Router::new().route("/", post(handler))
}

/// Returns the tokens left of 50 after five requests whose bodies begin with `head` and are broken
/// off or invalid.
async fn left_of_fifty(
    policy: fn(PolicyBuilder) -> PolicyBuilder,
    head: &str,
    end: Option<&[u8]>,
) -> i64 {
    let limit = Limit::per_hour("rph", 50);
    let (limiter, _) = memory();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let upstream = sockets::serve(upstream(arrived)).await;
    let client = Client::builder(TokioExecutor::new())
        .build_http::<Body>()
        .map_request(move |request: http::Request<hyper::body::Incoming>| {
            let (mut head, body) = request.into_parts();
            head.uri = format!("http://{upstream}/").parse().unwrap();
            http::Request::from_parts(head, Body::new(body))
        });
    let proxy = layer(&limiter, policy(per_user(limit.clone()))).layer(client);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    for _ in 0..5 {
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(proxy.clone());
        let connection = tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(accepted), service),
        );
        let head = format!("POST / HTTP/1.1\r\nhost: test\r\nx-user: alice\r\n{head}");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; SENT]).await.unwrap();
        arrivals.recv().await.expect("the upstream works");
        if let Some(end) = end {
            stream.write_all(end).await.unwrap();
        }
        drop(stream);
        let _ = connection.await.unwrap();
    }
    left(&limiter, "alice", &limit).await
}

const ANNOUNCES_MORE: &str = "content-length: 30000\r\n\r\n";

#[tokio::test]
async fn a_body_that_is_broken_off_is_not_free() {
    assert_eq!(
        left_of_fifty(|policy| policy, ANNOUNCES_MORE, None).await,
        45
    );
}

#[tokio::test]
async fn a_body_with_an_invalid_chunk_is_not_free() {
    let head = format!("transfer-encoding: chunked\r\n\r\n{SENT:x}\r\n");
    assert_eq!(
        left_of_fifty(|policy| policy, &head, Some(b"\r\nnonsense\r\n")).await,
        45
    );
}

/// The documentation warns of this setting.
#[tokio::test]
async fn a_policy_can_refund_a_body_that_is_broken_off() {
    assert_eq!(
        left_of_fifty(
            |policy| policy.on_error(Outcome::Refund),
            ANNOUNCES_MORE,
            None
        )
        .await,
        50
    );
}
