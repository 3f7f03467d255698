//! From a reason to an answer.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{Form, Refusal, RefusalReason};
use crate::{
    layer::{
        Policy, ReportLimits, RequestHead,
        headers::{PartitionKeys, Standing, seconds_up},
        keys::missing::Reason,
    },
    model::Denied,
};

/// The time after which to try again if nothing is known.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

impl Policy {
    /// The answer to a request that is refused; `now` tells epoch ms. Without its head no answer of one's own is
    /// asked for.
    pub(in crate::layer) fn refuse(
        &self,
        now: &dyn Fn() -> i64,
        form: Form,
        head: Option<&RequestHead<'_>>,
        reason: RefusalReason<'_>,
    ) -> Response<Bytes> {
        let answers = &self.rules.answers;
        let reason = judged(reason);
        let wait = wait(reason).map(|wait| answers.jitter.lengthen(wait));
        let form = if answers.grpc { form } else { form.without_grpc() };
        let mut response = form.answer(reason, wait, answers.dialects.errors.as_ref());
        if let RefusalReason::Denied(denied) = reason {
            self.report_denied(now, denied, wait, &mut response);
        }
        if let (Some(custom), Some(head)) = (&answers.custom, head) {
            response = custom.answer(Refusal { head: *head, reason, retry_after: wait, response });
        }
        form.finish(response)
    }

    /// All limits, whatever granted responses report.
    fn report_denied(
        &self,
        now: &dyn Fn() -> i64,
        denied: &Denied,
        wait: Option<Duration>,
        response: &mut Response<Bytes>,
    ) {
        let dialects = &self.rules.answers.dialects;
        let partition = |keys: &PartitionKeys| keys.key(&denied.entity, &denied.resource);
        let standing = Standing {
            statuses: &denied.limits,
            refused: true,
            retry_after: wait.map(told),
            now: if dialects.needs_time() { now() } else { 0 },
            partition: dialects.partitions.as_ref().map(partition),
        };
        dialects.report(response.headers_mut(), &standing, ReportLimits::All);
    }
}

/// A mistake in the server's own setup is nothing that the request lacks.
pub(super) fn judged(reason: RefusalReason<'_>) -> RefusalReason<'_> {
    match reason {
        RefusalReason::MissingKey(missing) => match missing.reason() {
            Reason::Setup(mistake) => RefusalReason::Misconfigured(mistake.into()),
            _ => reason,
        },
        reason => reason,
    }
}

/// When it may be tried again; `None` where waiting does not help.
pub(super) fn wait(reason: RefusalReason<'_>) -> Option<Duration> {
    match reason {
        RefusalReason::Denied(denied) => denied.retry_after(),
        RefusalReason::Unavailable(error) => Some(error.retry_after().unwrap_or(RETRY_UNAVAILABLE)),
        _ => None,
    }
}

/// The seconds of `Retry-After`.
pub(super) fn told(wait: Duration) -> i64 {
    seconds_up(wait).max(1)
}
