//! The answers to requests that do not reach the inner service, and the report of the limits in
//! responses.

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

use crate::layer::{RequestHead, keys::missing::Reason};
use crate::telemetry;

pub(crate) use form::Form;
pub use jitter::Jitter;
pub use misconfiguration::Misconfiguration;
pub use refusal::{Answer, Refusal, RefusalReason, answer_fn};

/// Returns the answer to a request for which no policy was found.
pub(crate) fn without_policy(head: &RequestHead<'_>, reason: RefusalReason<'_>) -> Response<Bytes> {
    if let RefusalReason::MissingKey(missing) = reason
        && let Reason::Setup(mistake) = missing.reason()
    {
        telemetry::setup(mistake.code, &mistake.message);
    }
    let reason = refuse::judged(reason);
    let form = Form::from(head);
    form.finish(form.answer(reason, refuse::wait(reason), None))
}

/// Returns the answer to a handler's error. The answer is used as it is if no layer replaces it.
#[cfg(feature = "axum")]
pub(crate) fn plain(error: &crate::Error) -> Response<Bytes> {
    RefusalReason::tell(error);
    let reason = RefusalReason::of(error);
    Form::default().answer(reason, refuse::wait(reason), None)
}

/// Marks the answer to a refused request, so that outer layers give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused;
