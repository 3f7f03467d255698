//! gRPC requests: the refusal is a status in the response's headers, without a message.

use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate::{
    Limit,
    layer::{Jitter, MissingKey, OpenAi, RequestHead},
};

use super::reasons::{ALL, Why, World};
use crate::{
    sockets::serve,
    world::{ask, from, hello, layer, memory, per_user, text},
};

fn as_grpc(mut request: Request<Body>, kind: &str) -> Request<Body> {
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    request
        .headers_mut()
        .insert("content-type", kind.parse().unwrap());
    request
}

async fn refused(why: Why) -> Response<Body> {
    let world = World::new(why, |policy| policy).await;
    ask(&world.app, as_grpc(world.request(), "application/grpc")).await
}

#[tokio::test]
async fn each_reason_has_its_grpc_status() {
    for why in ALL {
        let response = refused(why).await;
        let (code, pushback) = match why {
            Why::Denied => ("8", Some("12000")),
            Why::ExceedsCapacity => ("8", Some("-1")),
            Why::Disabled => ("7", None),
            Why::Unavailable => ("14", Some("1000")),
            Why::MissingKey => ("3", None),
            Why::MissingCredential => ("16", None),
            Why::Setup => ("13", None),
        };
        assert_eq!(response.status(), 200, "{why:?}");
        assert_eq!(text(&response, "grpc-status"), Some(code), "{why:?}");
        assert_eq!(
            text(&response, "grpc-retry-pushback-ms"),
            pushback,
            "{why:?}"
        );
        assert_eq!(
            text(&response, "content-type"),
            Some("application/grpc"),
            "{why:?}"
        );
        assert!(
            text(&response, "grpc-message").is_some_and(|message| !message.is_empty()),
            "{why:?}"
        );
        assert_eq!(text(&response, "retry-after"), None, "{why:?}");
        assert!(
            response.body().is_end_stream(),
            "{why:?}: there is nothing but headers"
        );
    }
}

#[tokio::test]
async fn a_grpc_refusal_has_the_usual_rate_limit_headers() {
    let response = refused(Why::Denied).await;
    assert_eq!(
        text(&response, "grpc-message"),
        Some("Rate limit exceeded: rpm. Please try again in 12s.")
    );
    assert_eq!(text(&response, "ratelimit"), Some(r#""rpm";r=0;t=12"#));
    let world = World::new(Why::Denied, |policy| {
        policy.dialect(OpenAi::new().requests("rpm"))
    })
    .await;
    let response = ask(
        &world.app,
        as_grpc(world.request(), "application/grpc+proto"),
    )
    .await;
    assert_eq!(text(&response, "x-ratelimit-reset-requests"), Some("1m0s"));
}

#[tokio::test]
async fn every_grpc_content_type_gets_a_grpc_status() {
    let world = World::new(Why::Denied, |policy| policy).await;
    for kind in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc+json",
        "application/grpc; charset=utf-8",
        "application/grpc;charset=utf-8",
        "Application/gRPC+proto",
    ] {
        let response = ask(&world.app, as_grpc(world.request(), kind)).await;
        assert_eq!(text(&response, "grpc-status"), Some("8"), "{kind}");
    }
    for kind in [
        "application/grpcs",
        "application/grp",
        "application/json",
        "",
    ] {
        let response = ask(&world.app, as_grpc(world.request(), kind)).await;
        assert_eq!(response.status(), 429, "{kind}");
        assert_eq!(text(&response, "grpc-status"), None, "{kind}");
    }
}

/// A content type alone must not make the answer a gRPC `200 OK`, because caches would store it.
#[tokio::test]
async fn a_content_type_alone_makes_no_grpc_request() {
    let world = World::new(Why::Denied, |policy| policy).await;
    let te = |mut request: Request<Body>, value: &'static str| {
        request.headers_mut().insert("te", value.parse().unwrap());
        request
    };
    let sent = |method: Method, version: Version, kind: &'static str| {
        let mut request = as_grpc(world.request(), kind);
        (*request.method_mut(), *request.version_mut()) = (method, version);
        request
    };
    let (post, one, two) = (Method::POST, Version::HTTP_11, Version::HTTP_2);
    let grpc = "application/grpc";
    for request in [
        sent(Method::GET, one, grpc),
        sent(Method::GET, two, grpc),
        te(sent(Method::GET, one, grpc), "trailers"),
        sent(Method::PUT, two, grpc),
        sent(Method::HEAD, two, grpc),
        sent(post.clone(), one, grpc),
        te(sent(post.clone(), one, grpc), "gzip"),
        te(sent(post.clone(), one, grpc), "trailersX"),
        sent(Method::GET, one, "application/grpc-web"),
        sent(Method::GET, two, "application/grpc-web+proto"),
    ] {
        let sent = format!("{request:?}");
        let response = ask(&world.app, request).await;
        assert_eq!(response.status(), 429, "{sent}");
        assert_eq!(text(&response, "grpc-status"), None, "{sent}");
        assert_eq!(text(&response, "cache-control"), Some("no-store"), "{sent}");
    }
    for request in [
        sent(post.clone(), two, grpc),
        sent(post.clone(), Version::HTTP_3, grpc),
        te(sent(post.clone(), one, grpc), "trailers"),
        te(sent(post.clone(), one, grpc), "gzip, Trailers;q=1"),
    ] {
        let sent = format!("{request:?}");
        let response = ask(&world.app, request).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "grpc-status")),
            (200, Some("8")),
            "{sent}"
        );
        assert_eq!(text(&response, "cache-control"), Some("no-store"), "{sent}");
    }
}

/// gRPC-Web puts the trailers into the body, in every version of HTTP, because scripts of other
/// origins cannot read headers.
#[tokio::test]
async fn grpc_web_ends_with_a_frame_of_trailers() {
    let world = World::new(Why::Denied, |policy| policy).await;
    let ask = async |version: Version, kind: &'static str| {
        let mut request = as_grpc(world.request(), kind);
        *request.version_mut() = version;
        let response = ask(&world.app, request).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "cache-control")),
            (200, Some("no-store")),
            "{kind}"
        );
        assert_eq!(text(&response, "grpc-status"), None, "{kind}");
        assert_eq!(
            text(&response, "ratelimit"),
            Some(r#""rpm";r=0;t=12"#),
            "{kind}"
        );
        let told = text(&response, "content-type").unwrap().to_owned();
        (
            told,
            axum::body::to_bytes(response.into_body(), 10_000)
                .await
                .unwrap(),
        )
    };
    let trailers = |frame: &[u8]| {
        let (head, lines) = frame.split_at(5);
        assert_eq!(head[0], 0x80, "a frame of trailers");
        assert_eq!(head[1..], u32::try_from(lines.len()).unwrap().to_be_bytes());
        let lines = String::from_utf8(lines.to_vec()).unwrap();
        assert!(lines.ends_with("\r\n"), "{lines}");
        for line in [
            "grpc-status:8\r\n",
            "grpc-retry-pushback-ms:12000\r\n",
            "grpc-status-details-bin:",
        ] {
            assert!(lines.contains(line), "{lines}");
        }
        let message = "grpc-message:Rate limit exceeded: rpm. Please try again in 12s.\r\n";
        assert!(lines.contains(message), "{lines}");
    };
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for kind in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "Application/gRPC-Web ; charset=utf-8",
        ] {
            let (told, body) = ask(version, kind).await;
            assert_eq!(told, "application/grpc-web+proto");
            trailers(&body);
        }
        for kind in [
            "application/grpc-web-text",
            "application/grpc-web-text+proto",
        ] {
            let (told, body) = ask(version, kind).await;
            assert_eq!(told, "application/grpc-web-text+proto");
            trailers(
                &base64::engine::general_purpose::STANDARD
                    .decode(&body)
                    .unwrap(),
            );
        }
    }
}

#[tokio::test]
async fn a_policy_can_do_without_grpc_statuses() {
    let world = World::new(Why::Denied, |policy| policy.without_grpc_answers()).await;
    for kind in ["application/grpc", "application/grpc-web"] {
        let response = ask(&world.app, as_grpc(world.request(), kind)).await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "grpc-status")),
            (429, None),
            "{kind}"
        );
        assert_eq!(
            text(&response, "content-type"),
            Some("application/problem+json"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn the_pushback_is_never_too_early() {
    let pushback = async |limit: Limit, jitter: Jitter| {
        let app = hello(layer(&memory().0, per_user(limit).jitter(jitter)));
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
        let response = ask(&app, as_grpc(from("alice"), "application/grpc")).await;
        text(&response, "grpc-retry-pushback-ms")
            .expect("a pushback")
            .parse::<i64>()
            .unwrap()
    };
    let once_in = |period| Limit::new("l", 1, 1, Duration::from_millis(period)).unwrap();
    let none = Jitter::percent(0);
    assert_eq!(pushback(once_in(1), none).await, 1);
    assert_eq!(pushback(once_in(250), none).await, 250);
    assert_eq!(pushback(once_in(2_147_483_647), none).await, 2_147_483_647);
    assert_eq!(
        pushback(once_in(2_147_483_648), none).await,
        -1,
        "later than clients can read"
    );
    for _ in 0..50 {
        let told = pushback(once_in(1000), Jitter::percent(10)).await;
        assert!((1000..=1100).contains(&told), "{told}");
    }
}

#[tokio::test]
async fn grpc_messages_are_percent_encoded() {
    let key = |_: &RequestHead<'_>| Err(MissingKey::absent("der Schlüssel, 100% nötig\n"));
    let policy = per_user(Limit::per_minute("rpm", 1)).entity(key);
    let app = hello(layer(&memory().0, policy));
    let response = ask(&app, as_grpc(from("alice"), "application/grpc")).await;
    assert_eq!(text(&response, "grpc-status"), Some("3"));
    let message = text(&response, "grpc-message").unwrap();
    assert!(
        message.contains("der Schl%C3%BCssel, 100%25 n%C3%B6tig%0A"),
        "{message}"
    );
}

/// Over a connection, the stream ends with the headers.
#[tokio::test]
async fn over_http_2_nothing_follows_the_headers() {
    let world = World::new(Why::Denied, |policy| policy).await;
    let address = serve(world.app.clone()).await;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/package.Service/Method"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-user", "alice");
    let response = client
        .send_request(request.body(Empty::<bytes::Bytes>::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(
        response.headers()["grpc-message"],
        "Rate limit exceeded: rpm. Please try again in 12s."
    );
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "12000");
    // The client knows the end before it reads more, because END_STREAM came with the headers.
    assert!(response.body().is_end_stream());
    let body = response.into_body().collect().await.unwrap();
    assert!(body.trailers().is_none());
    assert!(body.to_bytes().is_empty());
}
