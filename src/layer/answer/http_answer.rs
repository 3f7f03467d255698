//! The usual answers: a status, a problem document, when to try again.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    RefusalReason,
    problem::{COST_EXCEEDS_CAPACITY, PLAIN, Problem, QUOTA_EXCEEDED, REDUCED_CAPACITY},
    refuse::told,
};
use crate::{
    error::ExceedsCapacity,
    layer::{
        headers::policy_name,
        keys::{MissingKey, missing::Reason},
    },
    model::Denied,
};

/// With `status`, whatever the reason is, if there is one.
pub(super) fn answer(reason: RefusalReason<'_>, wait: Option<Duration>, status: Option<StatusCode>) -> Response<Bytes> {
    let mut problem = match reason {
        RefusalReason::Denied(error) => denied(error, wait),
        RefusalReason::ExceedsCapacity(error) => exceeds_capacity(error),
        RefusalReason::Disabled(_) => plain(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "What is asked for is disabled. Retrying does not help.".to_owned(),
        ),
        RefusalReason::Unavailable(_) => Problem {
            kind: REDUCED_CAPACITY,
            ..plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "The rate limiter is unavailable",
                "There was no decision in time. Retry soon.".to_owned(),
            )
        },
        RefusalReason::MissingKey(error) => missing(error),
        RefusalReason::Misconfigured(mistake) => {
            plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", mistake.for_clients())
        }
    };
    problem.status = status.unwrap_or(problem.status);
    let mut response = Response::new(Bytes::from(problem.to_json()));
    *response.status_mut() = problem.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = wait {
        headers.insert(RETRY_AFTER, HeaderValue::from(told(wait)));
    }
    if let RefusalReason::MissingKey(missing) = reason
        && let Reason::Credential { challenge, .. } = missing.reason()
    {
        headers.insert(WWW_AUTHENTICATE, challenge.clone());
    }
    response
}

fn denied(denied: &Denied, wait: Option<Duration>) -> Problem<'_> {
    let violated: Vec<_> = denied.violated().map(|status| policy_name(status.owner, status.limit.name())).collect();
    Problem {
        kind: QUOTA_EXCEEDED,
        title: "Rate limit exceeded",
        status: StatusCode::TOO_MANY_REQUESTS,
        detail: match wait {
            Some(wait) => format!("Not enough left of: {}. Retry in {} s.", violated.join(", "), told(wait)),
            None => format!("More than there can be was asked of: {}.", violated.join(", ")),
        },
        violated_policies: violated,
    }
}

fn exceeds_capacity(error: &ExceedsCapacity) -> Problem<'_> {
    let limit = policy_name(error.owner, &error.limit);
    Problem {
        kind: COST_EXCEEDS_CAPACITY,
        title: "The request costs more than its limit holds",
        status: StatusCode::TOO_MANY_REQUESTS,
        detail: format!(
            "It asks for {} of {limit}, which holds {} when full. Retrying does not help.",
            error.requested, error.capacity
        ),
        violated_policies: vec![limit],
    }
}

fn missing(missing: &MissingKey) -> Problem<'static> {
    let (status, title) = match missing.reason() {
        Reason::Credential { .. } => (StatusCode::UNAUTHORIZED, "Unauthorized"),
        _ => (StatusCode::BAD_REQUEST, "Bad request"),
    };
    plain(status, title, format!("For its rate limit the request needs more: {missing}."))
}

fn plain(status: StatusCode, title: &'static str, detail: String) -> Problem<'static> {
    Problem { kind: PLAIN, title, status, detail, violated_policies: Vec::new() }
}
