//! The answers to requests that do not reach the inner service.

mod codes;
mod form;
mod grpc;
mod http_answer;
mod mark;
mod problem;
mod refuse;
mod retry_after;

use bytes::Bytes;
use http::Response;

use crate::layer::{MissingKey, RefusalReason, RequestHead, keys::missing::Reason};
use crate::telemetry;

pub(crate) use form::Form;
pub(crate) use mark::Refused;
pub(crate) use retry_after::keep_later;

/// Returns the answer to a request for which no policy was found, because a key is missing.
pub(crate) fn without_policy(head: &RequestHead<'_>, missing: &MissingKey) -> Response<Bytes> {
    if let Reason::Setup(mistake) = missing.reason() {
        telemetry::setup(mistake.code, &mistake.message);
    }
    let reason = RefusalReason::without_key(missing);
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
