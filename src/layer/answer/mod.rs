//! The answers to requests that do not reach the inner service, and what responses tell of limits.

mod form;
mod grpc;
mod http_answer;
mod jitter;
mod misconfiguration;
mod problem;
mod refusal;
mod refuse;
mod report;
mod retry_after;

use bytes::Bytes;
use http::Response;

use super::{RequestHead, keys::missing::Reason};
use crate::telemetry;

pub(super) use form::Form;
pub use jitter::Jitter;
pub use misconfiguration::Misconfiguration;
pub use refusal::{Answer, Refusal, RefusalReason, answer_fn};

/// The answer to a request that no policy was found for.
pub(super) fn without_policy(head: &RequestHead<'_>, reason: RefusalReason<'_>) -> Response<Bytes> {
    if let RefusalReason::MissingKey(missing) = reason
        && let Reason::Setup(mistake) = missing.reason()
    {
        telemetry::setup(mistake.code, &mistake.message);
    }
    let reason = refuse::judged(reason);
    let form = Form::from(head);
    form.finish(form.answer(reason, refuse::wait(reason), None))
}

/// The answer where no policy says how: of an error that a handler answers with, past any layer.
#[cfg(feature = "axum")]
pub(super) fn plain(error: &crate::Error) -> Response<Bytes> {
    RefusalReason::tell(error);
    let reason = RefusalReason::of(error);
    Form::default().answer(reason, refuse::wait(reason), None)
}

/// Marks the answer to a denied request, so that layers further out give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused;
