//! Handlers that return an error: the answer is the layer's, in the form that the request needs.

use std::convert::Infallible;

use axum::{Extension, body::Body, response::IntoResponse};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use serde_json::Value;
use tollgate::{
    RateLimiter,
    layer::{BoundLimiter, LeaseHandle, PolicyBuilder, Refusal},
};
use tower::{Layer, ServiceExt};

use super::world::{alices_tokens, ask, from, layer, memory, ten_tokens, text};

/// Returns a policy whose layer acquires, and one whose handler acquires.
fn policies() -> [PolicyBuilder; 2] {
    [ten_tokens(), ten_tokens().acquire_in_handler()]
}

type Answer = fn(tollgate::Error) -> Response<Body>;

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    ends_with_head: bool,
}

async fn asks_too_much(
    request: Request<Body>,
    answer: Answer,
) -> Result<Response<Body>, Infallible> {
    let extensions = request.extensions();
    let (lease, bound) = (
        extensions.get::<LeaseHandle>().cloned(),
        extensions.get::<BoundLimiter>().cloned(),
    );
    if let Some(bound) = bound {
        bound.cost("tpm", 10).acquire().await.expect("ten tokens");
    }
    let error = lease
        .expect("a lease")
        .consume("tpm", 91)
        .await
        .expect_err("a denial");
    Ok(answer(error))
}

/// Returns the answer of a service without a router that asks for more than is left.
async fn get_from(
    limiter: &RateLimiter,
    policy: PolicyBuilder,
    request: Request<Body>,
    answer: Answer,
) -> Got {
    let inner = tower::service_fn(move |request| asks_too_much(request, answer));
    let response = layer(limiter, policy)
        .layer(inner)
        .oneshot(request)
        .await
        .unwrap();
    let ends_with_head = response.body().is_end_stream();
    let (parts, body) = response.into_parts();
    Got {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
        ends_with_head,
    }
}

async fn get(policy: PolicyBuilder, request: Request<Body>, answer: Answer) -> Got {
    get_from(&memory().0, policy, request, answer).await
}

#[tokio::test]
async fn a_grpc_request_gets_a_status() {
    for policy in policies() {
        let mut request = from("alice");
        *request.method_mut() = Method::POST;
        request
            .headers_mut()
            .insert("content-type", "application/grpc".parse().unwrap());
        request
            .headers_mut()
            .insert("te", "trailers".parse().unwrap());
        // An HTTP status is not a gRPC status.
        let answer =
            |error| (StatusCode::IM_A_TEAPOT, [("x-request-id", "7")], error).into_response();
        let got = get(policy, request, answer).await;
        assert_eq!((got.status, got.ends_with_head), (StatusCode::OK, true));
        for (name, value) in [
            ("content-type", "application/grpc"),
            ("grpc-status", "8"),
            (
                "grpc-message",
                "Rate limit exceeded: tpm. Please try again in 600ms.",
            ),
            ("grpc-retry-pushback-ms", "600"),
            ("ratelimit", r#""tpm";r=90;t=1"#),
            ("cache-control", "no-store"),
            ("x-request-id", "7"),
        ] {
            assert_eq!(
                got.headers.get(name).map(|value| value.to_str().unwrap()),
                Some(value),
                "{name}"
            );
        }
        assert!(!got.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_head_request_gets_the_headers_alone() {
    for policy in policies().into_iter().zip(policies()) {
        let answer = |error: tollgate::Error| error.into_response();
        let mut request = from("alice");
        *request.method_mut() = Method::HEAD;
        let head = get(policy.0, request, answer).await;
        let mut got = get(policy.1, from("alice"), answer).await;
        assert_eq!(
            (head.status, head.ends_with_head),
            (StatusCode::TOO_MANY_REQUESTS, true)
        );
        assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
        let length = got.body.len();
        assert!(length > 100);
        // A server adds this header.
        got.headers.insert("content-length", length.into());
        assert_eq!(head.headers, got.headers);
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn the_status_that_a_handler_sets_beside_it_stands() {
    let answer = |error| (StatusCode::PAYMENT_REQUIRED, error).into_response();
    for policy in policies() {
        let got = get(policy, from("alice"), answer).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(got.headers["retry-after"], "1", "all else is the layer's");
        let document: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(document["status"], 402, "the document says the same");
        assert_eq!(document["violated-policies"][0], "tpm");
    }
}

#[tokio::test]
async fn a_custom_answer_gets_that_status_and_has_the_last_word() {
    let policy = |own: Option<StatusCode>| {
        ten_tokens().answer(move |mut refusal: Refusal<'_>| {
            assert_eq!(refusal.response.status(), StatusCode::PAYMENT_REQUIRED);
            if let Some(own) = own {
                *refusal.response.status_mut() = own;
            }
            refusal.response
        })
    };
    let answer = |error| (StatusCode::PAYMENT_REQUIRED, error).into_response();
    for (own, status) in [(None, 402), (Some(StatusCode::IM_A_TEAPOT), 418)] {
        assert_eq!(get(policy(own), from("alice"), answer).await.status, status);
    }
}

/// Outcome rules use the status that the client gets.
#[tokio::test]
async fn outcome_rules_see_that_status() {
    use tollgate::layer::Outcome;
    let (limiter, _) = memory();
    let answer = |error| (StatusCode::PAYMENT_REQUIRED, error).into_response();
    let policy = ten_tokens().on_status(402..=402, Outcome::Refund);
    assert_eq!(
        get_from(&limiter, policy, from("alice"), answer)
            .await
            .status,
        StatusCode::PAYMENT_REQUIRED
    );
    assert_eq!(alices_tokens(&limiter).await, 100);
}

#[tokio::test]
async fn headers_of_other_middleware_beside_the_error_stay() {
    #[derive(Clone)]
    struct Note(u32);
    let handler = async |lease: LeaseHandle| -> Response<Body> {
        let error = lease.consume("tpm", 91).await.unwrap_err();
        (Extension(Note(7)), error).into_response()
    };
    let app = axum::Router::new()
        .fallback(handler)
        .layer(layer(&memory().0, ten_tokens()));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (response.status().as_u16(), text(&response, "retry-after")),
        (429, Some("1"))
    );
    assert_eq!(response.extensions().get::<Note>().expect("the note").0, 7);
}
