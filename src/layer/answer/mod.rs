//! The answers to requests that do not reach the inner service, and what responses tell of limits.

mod grpc;
mod http_answer;
mod jitter;
mod problem;
mod refusal;
mod refuse;
mod report;
mod retry_after;

use bytes::Bytes;
use http::Response;

use super::{RequestHead, keys::missing::Reason};
use crate::telemetry;

pub use jitter::Jitter;
pub use refusal::{Answer, Refusal, RefusalReason};

/// The answer to a request that no policy was found for.
pub(super) fn without_policy(head: &RequestHead<'_>, reason: RefusalReason<'_>) -> Response<Bytes> {
    if let RefusalReason::MissingKey(missing) = reason
        && let Reason::Setup(message) = missing.reason()
    {
        telemetry::setup(message);
    }
    let reason = refuse::judged(reason);
    let wait = refuse::wait(reason);
    let response = match grpc::is_grpc(head.headers) {
        true => grpc::answer(reason, wait),
        false => http_answer::answer(reason, wait),
    };
    refuse::finish(Some(head.method), response)
}

/// The answer where no policy says how: of an error that a handler answers with, past any layer.
#[cfg(feature = "axum")]
pub(super) fn plain(error: &crate::Error) -> Response<Bytes> {
    RefusalReason::tell(error);
    let reason = RefusalReason::of(error);
    http_answer::answer(reason, refuse::wait(reason))
}

/// Marks the answer to a denied request, so that layers further out give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;
