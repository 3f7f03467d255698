//! A hyper server without a router.

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tollgate::{Limit, RateLimitLayer};

#[path = "../../../examples/hyper.rs"]
#[allow(dead_code, reason = "its main function")]
mod example;

/// Sends three requests over one protocol. Two are allowed.
async fn ask_thrice(version: Version) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(example::serve(
        listener,
        RateLimitLayer::per_ip(Limit::per_hour("rph", 2)),
    ));

    let client = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let request = Request::get(&url).body(Empty::<Bytes>::new()).unwrap();
        let response = client.request(request).await.unwrap();
        assert_eq!(response.version(), version);
        statuses.push(response.status());
        let denied = response.status() == StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(response.headers().contains_key("retry-after"), denied);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body == "hello\n", !denied, "{body:?}");
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn the_hyper_example_limits_requests_over_http_1() {
    ask_thrice(Version::HTTP_11).await;
}

#[tokio::test]
async fn the_hyper_example_limits_requests_over_http_2() {
    ask_thrice(Version::HTTP_2).await;
}
