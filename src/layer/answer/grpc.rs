//! The answers to gRPC requests: a status and no messages, all in the response's headers.

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};

use super::RefusalReason;
use crate::layer::{
    headers::{millis_up, policy_name},
    keys::missing::Reason,
};

const GRPC: &[u8] = b"application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// A gRPC status code.
#[derive(Clone, Copy)]
enum Code {
    InvalidArgument = 3,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Whether it is a gRPC request. gRPC-Web is not: its clients go by the HTTP status.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let Some((name, rest)) = kind.split_at_checked(GRPC.len()) else {
        return false;
    };
    name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' ' | b'\t'))
}

pub(super) fn answer(reason: RefusalReason<'_>, wait: Option<Duration>) -> Response<Bytes> {
    let (code, message) = status(reason);
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(code as u16));
    if let Ok(message) = HeaderValue::try_from(percent_encoded(&message)) {
        headers.insert(MESSAGE, message);
    }
    if let Some(pushback) = pushback(reason, wait) {
        headers.insert(PUSHBACK, HeaderValue::from(pushback));
    }
    response
}

fn status(reason: RefusalReason<'_>) -> (Code, String) {
    match reason {
        RefusalReason::Denied(denied) => {
            let violated: Vec<_> =
                denied.violated().map(|status| policy_name(status.owner, status.limit.name())).collect();
            (Code::ResourceExhausted, format!("rate limit exceeded: {}", violated.join(", ")))
        }
        RefusalReason::ExceedsCapacity(error) => {
            let limit = policy_name(error.owner, &error.limit);
            let (requested, capacity) = (error.requested, error.capacity);
            (Code::ResourceExhausted, format!("it asks for {requested} of {limit}, which holds {capacity} when full"))
        }
        RefusalReason::Disabled(_) => (Code::PermissionDenied, "what is asked for is disabled".to_owned()),
        RefusalReason::Unavailable(_) => (Code::Unavailable, "the rate limiter is unavailable".to_owned()),
        RefusalReason::MissingKey(missing) => {
            let code = match missing.reason() {
                Reason::Credential { .. } => Code::Unauthenticated,
                _ => Code::InvalidArgument,
            };
            (code, format!("for its rate limit the request needs more: {missing}"))
        }
        RefusalReason::Misconfigured(mistake) => (Code::Internal, mistake.for_clients()),
    }
}

/// Milliseconds until the client may try again by itself; negative: not at all.
fn pushback(reason: RefusalReason<'_>, wait: Option<Duration>) -> Option<i32> {
    match (reason, wait) {
        // What clients read it into ends after 24 days: one that waits longer does so on its own.
        (_, Some(wait)) => Some(i32::try_from(millis_up(wait)).unwrap_or(-1)),
        (RefusalReason::Denied(_) | RefusalReason::ExceedsCapacity(_), None) => Some(-1),
        // Other statuses are not tried again.
        (_, None) => None,
    }
}

/// As `grpc-message` has it: printable ASCII as it is, `%` and all other bytes encoded.
fn percent_encoded(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(byte.into()),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
