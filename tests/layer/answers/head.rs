//! Responses without bodies.

use std::convert::Infallible;

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tollgate::Limit;
use tower::{Layer, ServiceExt};

use super::reasons::{ALL, World};
use crate::{
    sockets::serve,
    world::{app, ask, from, layer, memory, per_user, text},
};

#[tokio::test]
async fn the_answer_to_head_has_the_headers_of_that_to_get_and_no_body() {
    for why in ALL {
        let world = World::new(why, |policy| policy).await;
        let get = ask(&world.app, world.request()).await;
        let mut request = world.request();
        *request.method_mut() = Method::HEAD;
        let head = ask(&world.app, request).await;
        assert_eq!(head.status(), get.status(), "{why:?}");
        assert_eq!(head.headers(), get.headers(), "{why:?}");
        let length = axum::body::to_bytes(get.into_body(), 10_000)
            .await
            .unwrap()
            .len();
        assert_eq!(
            text(&head, "content-length"),
            Some(length.to_string().as_str()),
            "{why:?}"
        );
        assert!(
            axum::body::to_bytes(head.into_body(), 10_000)
                .await
                .unwrap()
                .is_empty(),
            "{why:?}"
        );
    }
}

/// A router removes the bodies of such responses. This service has no router.
#[tokio::test]
async fn the_answer_of_a_service_without_a_router_has_no_body_either() {
    let inner = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from("hello")))
    });
    let service = layer(&memory().0, per_user(Limit::per_minute("rpm", 1))).layer(inner);
    let request = |method| {
        let mut request = from("alice");
        *request.method_mut() = method;
        request
    };
    assert_eq!(
        service
            .clone()
            .oneshot(request(Method::GET))
            .await
            .unwrap()
            .status(),
        200
    );
    let get = service.clone().oneshot(request(Method::GET)).await.unwrap();
    let head = service
        .clone()
        .oneshot(request(Method::HEAD))
        .await
        .unwrap();
    assert_eq!(
        (get.status(), head.status()),
        (StatusCode::TOO_MANY_REQUESTS, StatusCode::TOO_MANY_REQUESTS)
    );
    let length = get.body().size_hint().exact().expect("a length");
    assert_eq!(
        text(&head, "content-length"),
        Some(length.to_string().as_str())
    );
    assert!(head.body().is_end_stream());
    assert!(
        head.into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

/// Two requests on one connection. If the first response had a body, the client would read it as
/// the next response.
#[tokio::test]
async fn over_http_1_the_next_response_follows_at_once() {
    let world = World::new(super::reasons::Why::Denied, |policy| policy).await;
    let mut stream = tokio::net::TcpStream::connect(serve(world.app.clone()).await)
        .await
        .unwrap();
    let request = "HEAD / HTTP/1.1\r\nhost: test\r\nx-user: alice\r\n";
    stream
        .write_all(format!("{request}\r\n{request}connection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut read = String::new();
    stream.read_to_string(&mut read).await.unwrap();
    let responses: Vec<_> = read.split_terminator("\r\n\r\n").collect();
    assert_eq!(responses.len(), 2, "{read}");
    for response in responses {
        assert!(response.starts_with("HTTP/1.1 429"), "{read}");
        assert!(response.contains("retry-after: 12\r\n"), "{read}");
        assert!(response.contains("ratelimit: \"rpm\";r=0;t=12"), "{read}");
        let length = response
            .split("content-length: ")
            .nth(1)
            .expect("a length")
            .lines()
            .next()
            .unwrap();
        assert!(length.parse::<usize>().unwrap() > 100, "{read}");
    }
    assert!(read.ends_with("\r\n\r\n"), "{read}");
}

#[tokio::test]
async fn over_http_2_the_stream_ends_with_the_headers() {
    let world = World::new(super::reasons::Why::Denied, |policy| policy).await;
    let address = serve(world.app.clone()).await;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::head(format!("http://{address}/")).header("x-user", "alice");
    let response = client
        .send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "12");
    assert!(
        response.headers()["content-length"]
            .to_str()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 100
    );
    assert!(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn responses_without_a_body_report_limits_too() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let app = app(
            layer(&memory().0, per_user(Limit::per_minute("rpm", 5))),
            move || status,
        );
        let address = serve(app).await;
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: test\r\nx-user: alice\r\n";
        stream
            .write_all(format!("{request}\r\n{request}connection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        let responses: Vec<_> = read.split_terminator("\r\n\r\n").collect();
        assert_eq!(responses.len(), 2, "{read}");
        for (response, left) in responses.iter().zip([4, 3]) {
            assert!(
                response.starts_with(&format!("HTTP/1.1 {}", status.as_str())),
                "{read}"
            );
            assert!(
                response.contains(&format!("ratelimit: \"rpm\";r={left};t=")),
                "{read}"
            );
            assert!(
                response.contains("ratelimit-policy: \"rpm\";q=5;w=60"),
                "{read}"
            );
            assert!(!response.contains("content-length"), "{read}");
        }
    }
}
