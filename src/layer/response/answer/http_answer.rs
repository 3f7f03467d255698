//! The answers to requests other than gRPC: a status, a document, and when to retry.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{codes::RefusalCodes, problem::Problem, retry_after::seconds_of};
use crate::layer::{
    RefusalReason,
    headers::{ErrorDialect, RETRY_AFTER_MS, SHOULD_RETRY, millis_up},
    keys::missing::Reason,
};

/// Returns the answer. If there is a `status`, it replaces that of the reason. The body is a
/// problem document, or an error in the shape of `dialect`.
pub(super) fn answer(
    reason: RefusalReason<'_>,
    wait: Option<Duration>,
    status: Option<StatusCode>,
    dialect: Option<&ErrorDialect>,
) -> Response<Bytes> {
    let codes = RefusalCodes::of(reason);
    let problem = Problem::new(reason, status.unwrap_or(codes.status), wait);
    let (kind, body) = match dialect {
        None => ("application/problem+json", problem.to_json()),
        Some(dialect) => (
            "application/json",
            dialect.shape.body(codes.kind, &problem.detail),
        ),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = problem.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds_of(wait)));
    }
    if let Some(dialect) = dialect {
        tell_retries(headers, wait, dialect);
    }
    if let RefusalReason::MissingKey(missing) = reason
        && let Reason::Credential { challenge, .. } = missing.reason()
    {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

/// Tells the dialect's clients how long to wait, or to give up. Otherwise some retry within a
/// second, and others sleep for hours.
fn tell_retries(headers: &mut HeaderMap, wait: Option<Duration>, dialect: &ErrorDialect) {
    if let Some(wait) = wait {
        // Clients read 0 as no value.
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis_up(wait).max(1)));
    }
    if wait.is_none_or(|wait| wait > dialect.longest_retry) {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
}
