//! Checks of responses.

use std::time::Duration;

use axum::http::Response;
use tollgate_testkit::LimitedResponse;

fn response(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let response = headers.iter().fold(
        Response::builder().status(status),
        |response, (name, value)| response.header(*name, *value),
    );
    response.body(()).unwrap()
}

#[test]
fn the_remaining_tokens_are_read_from_several_fields() {
    let response = response(
        200,
        &[
            ("ratelimit", r#""rpm";r=42;t=1, "tpm";r=9120"#),
            ("ratelimit", r#""parent.rpm";t=3;r=0"#),
        ],
    );
    assert_eq!(response.remaining("rpm"), Some(42));
    assert_eq!(response.remaining("tpm"), Some(9120));
    assert_eq!(response.remaining("parent.rpm"), Some(0));
    assert_eq!(response.remaining("tpd"), None);
    assert!(!response.is_denied());
}

#[test]
fn the_retry_time_is_rounded_up() {
    let denied = response(429, &[("retry-after", "3")]);
    denied.assert_denied(Duration::from_millis(2001));
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(3)));
    response(429, &[("retry-after", "1")]).assert_denied(Duration::ZERO);
}

#[test]
#[should_panic(expected = "when to try again")]
fn an_assertion_of_another_retry_time_fails() {
    response(429, &[("retry-after", "3")]).assert_denied(Duration::from_secs(2));
}

#[test]
#[should_panic(expected = "not denied")]
fn an_assertion_of_a_denial_fails_on_a_grant() {
    response(200, &[]).assert_denied(Duration::from_secs(2));
}

#[test]
#[should_panic(expected = "left of rpm")]
fn an_assertion_of_other_remaining_tokens_fails() {
    response(200, &[("ratelimit", r#""rpm";r=42"#)]).assert_remaining("rpm", 41);
}
