//! The answers to requests that do not reach the inner service.

mod codes;
mod form;
mod grpc;
mod http_answer;
mod jitter;
mod misconfiguration;
mod problem;
mod refusal;
mod refuse;
mod retry_after;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::layer::{MissingKey, Policy, RequestHead, keys::missing::Reason};
use crate::telemetry;

pub(crate) use form::Form;
pub use jitter::Jitter;
pub use misconfiguration::Misconfiguration;
pub use refusal::{Answer, Refusal, RefusalReason, answer_fn};
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

/// Returns the answer to a handler's error. It is used as it is if no layer replaces it.
#[cfg(feature = "axum")]
pub(crate) fn plain(error: &crate::Error) -> Response<Bytes> {
    RefusalReason::tell(error);
    let reason = RefusalReason::of(error);
    Form::default().answer(reason, refuse::wait(reason), None)
}

/// Marks the answer to a refused request, so that outer layers give their own cost back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// The address of the rules whose limits refused the request; `None` if no limit was asked.
    by: Option<usize>,
}

impl Refused {
    /// The mark of a request for which no limit was asked.
    const UNASKED: Self = Self { by: None };

    /// Returns the mark of a request that the limits of `policy` refused.
    fn by(policy: &Policy) -> Self {
        Self {
            by: Some(address(policy)),
        }
    }

    /// Returns `true` if the limits of `policy` refused the request.
    pub(crate) fn is_by(self, policy: &Policy) -> bool {
        self.by == Some(address(policy))
    }
}

fn address(policy: &Policy) -> usize {
    Arc::as_ptr(&policy.rules).addr()
}
