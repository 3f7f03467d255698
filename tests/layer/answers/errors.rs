//! Errors in OpenAI's and Anthropic's dialects, in addition to those in `table.rs`.

use std::time::Duration;

use axum::{body::Body, response::IntoResponse};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tollgate::{
    Error, Limit, RateLimiter,
    layer::{Anthropic, Dialect, IetfDraft, Jitter, LeaseHandle, OpenAi, PolicyBuilder, cost},
};

use crate::world::{ask, from, hello, layer, memory, per_user, text, with_headers};

async fn body(response: Response<Body>) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Returns the answer to a second request, if `limit` has one token.
async fn denied(limit: Limit, dialect: impl Into<Dialect>) -> Response<Body> {
    let app = hello(layer(&memory().0, per_user(limit).dialect(dialect)));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    ask(&app, from("alice")).await
}

fn once_in(period: Duration) -> Limit {
    Limit::new("rpm", 1, 1, period).unwrap()
}

/// Clients must not retry at once, and must not sleep for hours.
#[tokio::test]
async fn clients_give_up_if_they_would_wait_for_long() {
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    for (wait, should_retry) in [
        (second, None),
        (60 * second, None),
        (61 * second, Some("false")),
        (hour, Some("false")),
    ] {
        let dialects: [Dialect; 2] = [
            OpenAi::new().requests("rpm").into(),
            Anthropic::new().requests("rpm").into(),
        ];
        for dialect in dialects {
            let response = denied(once_in(wait), dialect.clone()).await;
            assert_eq!(
                text(&response, "x-should-retry"),
                should_retry,
                "{wait:?} {dialect:?}"
            );
            assert_eq!(
                text(&response, "retry-after"),
                Some(&*wait.as_secs().to_string()),
                "it is told all the same"
            );
            assert_eq!(
                text(&response, "retry-after-ms"),
                Some(&*wait.as_millis().to_string())
            );
        }
    }
    let patient = OpenAi::new().requests("rpm").longest_retry(hour);
    assert_eq!(
        text(&denied(once_in(hour), patient).await, "x-should-retry"),
        None
    );
    let hasty = Anthropic::new()
        .requests("rpm")
        .longest_retry(Duration::ZERO);
    assert_eq!(
        text(&denied(once_in(second), hasty).await, "x-should-retry"),
        Some("false")
    );
}

#[tokio::test]
async fn retry_after_ms_is_exact_and_never_too_short() {
    for (millis, seconds) in [(1, "1"), (250, "1"), (1001, "2")] {
        let response = denied(
            once_in(Duration::from_millis(millis)),
            OpenAi::new().requests("rpm"),
        )
        .await;
        assert_eq!(
            text(&response, "retry-after-ms"),
            Some(&*millis.to_string())
        );
        assert_eq!(text(&response, "retry-after"), Some(seconds));
    }
    let policy = per_user(once_in(Duration::from_secs(10))).jitter(Jitter::percent(100));
    let app = hello(layer(
        &memory().0,
        policy.dialect(OpenAi::new().requests("rpm")),
    ));
    assert_eq!(ask(&app, from("alice")).await.status(), 200);
    for _ in 0..20 {
        let response = ask(&app, from("alice")).await;
        let number = |name| text(&response, name).unwrap().parse::<u64>().unwrap();
        assert_eq!(
            number("retry-after-ms").div_ceil(1000),
            number("retry-after"),
            "one wait, jitter included"
        );
        assert!((10_000..=20_000).contains(&number("retry-after-ms")));
    }
}

#[tokio::test]
async fn other_dialects_have_neither_of_these_headers() {
    let response = denied(once_in(Duration::from_secs(3600)), IetfDraft::Draft11).await;
    assert_eq!(
        text(&response, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        (
            text(&response, "retry-after-ms"),
            text(&response, "x-should-retry")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn an_open_ai_error_names_the_unit_of_the_limit() {
    let policy = || {
        per_user(Limit::per_minute("rpm", 5))
            .limit(Limit::per_minute("tpm", 100))
            .limit(Limit::per_day("images", 10))
            .estimate("rpm", cost::header("x-rpm"))
            .estimate("tpm", cost::header("x-tpm"))
            .estimate("images", cost::header("x-images"))
            .dialect(OpenAi::new().requests("rpm").tokens("tpm"))
    };
    let cases: [(&str, &[u8], &[u8], &str); 3] = [
        ("x-rpm", b"5", b"6", "requests"),
        ("x-tpm", b"100", b"101", "tokens"),
        // The dialect has no header for this limit.
        ("x-images", b"10", b"11", "rate_limit_error"),
    ];
    for (header, most, more, kind) in cases {
        let app = hello(layer(&memory().0, policy()));
        assert_eq!(
            ask(&app, with_headers(&[("x-user", b"alice"), (header, most)]))
                .await
                .status(),
            200
        );
        let denied = body(ask(&app, from("alice")).await).await;
        assert_eq!(
            (&denied["error"]["type"], &denied["error"]["code"]),
            (&json!(kind), &json!("rate_limit_exceeded"))
        );
        let large =
            body(ask(&app, with_headers(&[("x-user", b"bob"), (header, more)])).await).await;
        assert_eq!(
            (&large["error"]["type"], &large["error"]["code"]),
            (&json!(kind), &json!("request_too_large"))
        );
    }
}

/// One dialect sets the shape of the body, even if the policy has other dialects. If two dialects
/// have errors, the first one sets the shape.
#[tokio::test]
async fn one_dialect_shapes_the_body() {
    let (open_ai, anthropic) = (
        || OpenAi::new().requests("rpm"),
        || Anthropic::new().requests("rpm"),
    );
    let is_anthropic = async |adapt: &dyn Fn(PolicyBuilder) -> PolicyBuilder| {
        let app = hello(layer(
            &memory().0,
            adapt(per_user(Limit::per_minute("rpm", 1))),
        ));
        assert_eq!(ask(&app, from("alice")).await.status(), 200);
        let body = body(ask(&app, from("alice")).await).await;
        assert_eq!(
            body["error"]["message"],
            "Rate limit exceeded: rpm. Please try again in 1m0s."
        );
        body["type"] == "error"
    };
    assert!(!is_anthropic(&|policy| policy.dialect(IetfDraft::Draft11).dialect(open_ai())).await);
    assert!(is_anthropic(&|policy| policy.dialect(anthropic()).dialect(IetfDraft::Draft07)).await);
    assert!(is_anthropic(&|policy| policy.dialect(anthropic()).dialect(open_ai())).await);
    assert!(!is_anthropic(&|policy| policy.dialect(open_ai()).dialect(anthropic())).await);
}

/// An error that a handler returns has the dialect's shape, with any status that the handler sets.
#[tokio::test]
async fn a_handlers_error_has_the_shape_of_the_dialect() {
    async fn handler(lease: LeaseHandle) -> Result<&'static str, Response<Body>> {
        let error = |error: Error| {
            (
                StatusCode::PAYMENT_REQUIRED,
                [("x-should-retry", "true")],
                error,
            )
                .into_response()
        };
        lease.consume("rpm", 6).await.map_err(error)?;
        Ok("hello")
    }
    let policy = per_user(Limit::per_minute("rpm", 5)).dialect(Anthropic::new().requests("rpm"));
    let app = axum::Router::new()
        .fallback(handler)
        .layer(layer(&memory().0, policy));
    let response = ask(&app, from("alice")).await;
    assert_eq!(
        (response.status(), text(&response, "x-should-retry")),
        (StatusCode::PAYMENT_REQUIRED, Some("false"))
    );
    assert_eq!(text(&response, "cache-control"), Some("no-store"));
    assert_eq!(
        response.headers().get_all("x-should-retry").iter().count(),
        1
    );
    let message = "Request too large for rpm: 6 requested, 5 at most. Retrying does not help.";
    assert_eq!(
        body(response).await,
        json!({"type": "error", "error": {"type": "request_too_large", "message": message}})
    );
}

/// The service has a retry time of its own. Both headers state the later of the two.
#[tokio::test]
async fn retry_after_ms_states_the_later_wait_too() {
    let retry_headers = async |limiter: &RateLimiter,
                               seconds: &'static str,
                               millis: &'static str| {
        let policy = per_user(Limit::per_minute("rpm", 1)).dialect(OpenAi::new().requests("rpm"));
        let headers = [("retry-after", seconds), ("retry-after-ms", millis)];
        let app = crate::world::app(layer(limiter, policy), move || {
            (StatusCode::SERVICE_UNAVAILABLE, headers)
        });
        let response = ask(&app, from("alice")).await;
        ["retry-after", "retry-after-ms"].map(|name| text(&response, name).unwrap().to_owned())
    };
    assert_eq!(
        retry_headers(&memory().0, "5", "4500").await,
        ["60", "60000"]
    );
    assert_eq!(
        retry_headers(&memory().0, "61", "60500").await,
        ["61", "60500"]
    );
}

/// The service says that clients should retry soon. If the limit makes them wait for hours, they
/// would sleep that long.
#[tokio::test]
async fn clients_give_up_if_the_later_wait_is_too_long() {
    let told = async |limit: Limit| {
        let policy = per_user(limit).dialect(OpenAi::new().requests("rpm"));
        let headers = [("retry-after", "1"), ("x-should-retry", "true")];
        let app = crate::world::app(layer(&memory().0, policy), move || {
            (StatusCode::SERVICE_UNAVAILABLE, headers)
        });
        let response = ask(&app, from("alice")).await;
        ["retry-after", "x-should-retry"].map(|name| text(&response, name).unwrap().to_owned())
    };
    assert_eq!(told(Limit::per_minute("rpm", 1)).await, ["60", "true"]);
    assert_eq!(told(Limit::per_hour("rpm", 1)).await, ["3600", "false"]);
}
