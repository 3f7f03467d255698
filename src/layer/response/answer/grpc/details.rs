//! `grpc-status-details-bin`: a `google.rpc.Status` with `RetryInfo` and `QuotaFailure`.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::HeaderValue;

use super::protobuf::Message;
use crate::layer::{
    RefusalReason,
    headers::{name_of, policy_name},
    response::answer::codes::GrpcCode,
};

/// The most limits that are reported, because clients accept at most 8 KiB of headers.
const MOST_VIOLATIONS: usize = 16;

/// The most seconds that a `google.protobuf.Duration` can have: 10000 years.
const MOST_SECONDS: u64 = 315_576_000_000;

/// Returns the status with its details, if it has any.
pub(super) fn encoded(
    code: GrpcCode,
    message: &str,
    reason: RefusalReason<'_>,
    wait: Option<Duration>,
) -> Option<HeaderValue> {
    let (retry, quota) = (wait.map(retry_info), quota_failure(reason));
    if retry.is_none() && quota.is_none() {
        return None;
    }
    let status = Message::default().number(1, code as u64).bytes(2, message);
    let status = retry
        .into_iter()
        .chain(quota)
        .fold(status, |status, detail| status.bytes(3, detail));
    HeaderValue::try_from(STANDARD_NO_PAD.encode(status)).ok()
}

/// Returns `google.rpc.RetryInfo`, exact to the nanosecond.
fn retry_info(wait: Duration) -> Message {
    let delay = Message::default()
        .number(1, wait.as_secs().min(MOST_SECONDS))
        .number(2, wait.subsec_nanos().into());
    any("RetryInfo", &Message::default().bytes(1, delay))
}

/// Returns `google.rpc.QuotaFailure`, whose subjects are the limits as other answers name them.
fn quota_failure(reason: RefusalReason<'_>) -> Option<Message> {
    let failure = match reason {
        RefusalReason::Denied(denied) => {
            denied
                .violated()
                .take(MOST_VIOLATIONS)
                .fold(Message::default(), |failure, status| {
                    let (requested, left, capacity) =
                        (status.requested, status.available, status.limit.capacity());
                    let description = format!("{requested} requested, {left} of {capacity} left");
                    failure.bytes(1, violation(&name_of(status), &description))
                })
        }
        RefusalReason::ExceedsCapacity(error) => {
            let description = format!("{} requested, {} at most", error.requested, error.capacity);
            Message::default().bytes(
                1,
                violation(&policy_name(error.owner, None, &error.limit), &description),
            )
        }
        _ => return None,
    };
    Some(any("QuotaFailure", &failure))
}

/// Returns `google.rpc.QuotaFailure.Violation`.
fn violation(subject: &str, description: &str) -> Message {
    Message::default().bytes(1, subject).bytes(2, description)
}

/// Returns a `google.protobuf.Any` that holds a message of `google.rpc`.
fn any(name: &str, message: &Message) -> Message {
    Message::default()
        .bytes(1, format!("type.googleapis.com/google.rpc.{name}"))
        .bytes(2, message)
}
