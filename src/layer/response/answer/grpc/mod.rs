//! The answers to gRPC requests: a status and no messages.

mod details;
mod protobuf;
mod protocol;

use std::{fmt::Write, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header::CONTENT_TYPE};

use super::{codes::RefusalCodes, problem::Problem};
use crate::layer::{RefusalReason, headers::millis_up};

pub(super) use protocol::Protocol;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// Returns the answer. Its trailers are among the headers or in the body, as the protocol demands.
pub(super) fn answer(
    protocol: Protocol,
    reason: RefusalReason<'_>,
    wait: Option<Duration>,
) -> Response<Bytes> {
    let (headers, body) = protocol.head_and_body(trailers(reason, wait));
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static(protocol.content_type()),
    );
    response
}

fn trailers(reason: RefusalReason<'_>, wait: Option<Duration>) -> HeaderMap {
    let RefusalCodes {
        status, grpc: code, ..
    } = RefusalCodes::of(reason);
    let message = Problem::new(reason, status, wait).detail;
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from(code as u16));
    if let Ok(message) = HeaderValue::try_from(percent_encoded(&message)) {
        trailers.insert(MESSAGE, message);
    }
    if let Some(details) = details::encoded(code, &message, reason, wait) {
        trailers.insert(DETAILS, details);
    }
    if let Some(pushback) = pushback(reason, wait) {
        trailers.insert(PUSHBACK, HeaderValue::from(pushback));
    }
    trailers
}

/// Returns the milliseconds until the client may retry by itself. A negative number forbids it.
fn pushback(reason: RefusalReason<'_>, wait: Option<Duration>) -> Option<i32> {
    match (reason, wait) {
        // Clients read the number into an `i32`, which ends after 24 days. If the wait is longer,
        // they must not retry by themselves.
        (_, Some(wait)) => Some(i32::try_from(millis_up(wait)).unwrap_or(-1)),
        (RefusalReason::Denied(_) | RefusalReason::ExceedsCapacity(_), None) => Some(-1),
        // Clients do not retry other statuses.
        (_, None) => None,
    }
}

/// Encodes a text for `grpc-message`: printable ASCII stays as it is, `%` and all other bytes are
/// percent-encoded.
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
