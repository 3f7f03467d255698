//! The answers to requests that do not reach the inner service, and what responses tell of limits.

mod grpc;
mod http_answer;
mod jitter;
mod problem;
mod refusal;
mod refuse;
mod report;
mod retry_after;

pub use jitter::Jitter;
pub use refusal::{Answer, Refusal, RefusalReason};

/// The answer where no policy says how: of an error that a handler answers with, past any layer.
#[cfg(feature = "axum")]
pub(super) fn plain(error: &crate::Error) -> http::Response<bytes::Bytes> {
    let reason = RefusalReason::of(error);
    http_answer::answer(reason, refuse::wait(reason))
}

/// Marks the answer to a denied request, so that layers further out give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;
