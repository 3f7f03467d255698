//! The answers to requests that do not reach the inner service.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::{
    ReportLimits,
    headers::{self, PolicyField},
    keys::{MissingKey, missing::Reason},
};
use crate::{
    error::{ExceedsCapacity, Unavailable},
    model::Denied,
};

/// Marks the answer to a denied request, so that layers further out give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;

/// A problem document: RFC 9457.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: String,
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    violated_policies: Vec<Cow<'a, str>>,
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const REDUCED_CAPACITY: &str = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
const COST_EXCEEDS_CAPACITY: &str = "https://docs.rs/tollgate/latest/tollgate/layer/index.html#cost-exceeds-capacity";
const PLAIN: &str = "about:blank";

pub(super) fn denied(denied: &Denied, field: &PolicyField) -> Response<Bytes> {
    let violated: Vec<_> = denied.violated().map(|status| headers::policy_name(status.owner, &status.limit)).collect();
    let wait = denied.retry_after().map(|wait| headers::seconds_up(wait).max(1));
    let problem = Problem {
        kind: QUOTA_EXCEEDED,
        title: "Rate limit exceeded",
        status: StatusCode::TOO_MANY_REQUESTS.as_u16(),
        detail: match wait {
            Some(seconds) => format!("Not enough left of: {}. Retry in {seconds} s.", violated.join(", ")),
            None => format!("More than there can be was asked of: {}.", violated.join(", ")),
        },
        violated_policies: violated,
    };
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, &problem);
    retry_after(&mut response, wait);
    headers::report(response.headers_mut(), field, &denied.limits, ReportLimits::All);
    response
}

pub(super) fn exceeds_capacity(error: &ExceedsCapacity) -> Response<Bytes> {
    let problem = Problem {
        kind: COST_EXCEEDS_CAPACITY,
        title: "The request costs more than its limit holds",
        status: StatusCode::TOO_MANY_REQUESTS.as_u16(),
        detail: format!(
            "It asks for {} of {}, which holds {} when full. Retrying does not help.",
            error.requested, error.limit, error.capacity
        ),
        violated_policies: vec![error.limit.as_str().into()],
    };
    answer(StatusCode::TOO_MANY_REQUESTS, &problem)
}

/// Not a limit that is reached: no wait helps.
pub(super) fn disabled() -> Response<Bytes> {
    let problem = Problem {
        kind: PLAIN,
        title: "Forbidden",
        status: StatusCode::FORBIDDEN.as_u16(),
        detail: "What is asked for is disabled. Retrying does not help.".to_owned(),
        violated_policies: Vec::new(),
    };
    answer(StatusCode::FORBIDDEN, &problem)
}

pub(super) fn unavailable(_: &Unavailable) -> Response<Bytes> {
    let problem = Problem {
        kind: REDUCED_CAPACITY,
        title: "The rate limiter is unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        detail: "There was no decision in time. Retry soon.".to_owned(),
        violated_policies: Vec::new(),
    };
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, &problem);
    retry_after(&mut response, Some(headers::seconds_up(RETRY_UNAVAILABLE)));
    response
}

/// When to try again where nothing is known.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

pub(super) fn missing(missing: &MissingKey) -> Response<Bytes> {
    let (status, title, challenge) = match missing.reason() {
        Reason::Absent(_) => (StatusCode::BAD_REQUEST, "Bad request", None),
        Reason::Credential { challenge, .. } => (StatusCode::UNAUTHORIZED, "Unauthorized", Some(challenge.clone())),
        Reason::Setup(_) => return misconfigured(),
    };
    let problem = Problem {
        kind: PLAIN,
        title,
        status: status.as_u16(),
        detail: format!("For its rate limit the request needs more: {missing}."),
        violated_policies: Vec::new(),
    };
    let mut response = answer(status, &problem);
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What is wrong is in the log, not in the answer.
pub(super) fn misconfigured() -> Response<Bytes> {
    let problem = Problem {
        kind: PLAIN,
        title: "Internal server error",
        status: StatusCode::INTERNAL_SERVER_ERROR.as_u16(),
        detail: "The server's rate limit is set up wrongly.".to_owned(),
        violated_policies: Vec::new(),
    };
    answer(StatusCode::INTERNAL_SERVER_ERROR, &problem)
}

fn answer(status: StatusCode, problem: &Problem<'_>) -> Response<Bytes> {
    // A struct of texts and a number: it always serializes.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Refused);
    response
}

fn retry_after(response: &mut Response<Bytes>, seconds: Option<i64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}
