//! Turns the reason of a refusal into an answer.

use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::{Form, Refused, retry_after};
use crate::{
    error::Error,
    layer::{
        Policy, Refusal, RefusalReason, ReportLimits, RequestHead,
        headers::{PartitionKeys, Standing},
    },
    model::{Denied, LimitStatus},
};

/// The time after which clients retry if the store gave no decision and the error states no time.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);

impl Policy {
    /// Returns the answer to a request that is not granted because of `error`.
    pub(crate) fn refuse_for(
        &self,
        now: &dyn Fn() -> i64,
        form: Form,
        head: Option<&RequestHead<'_>>,
        mut error: Error,
    ) -> Response<Bytes> {
        // Clients need not see limits that only observe, because these deny nothing.
        let enforced = |status: &LimitStatus| !self.rules.decision.observes(status.limit.name());
        match &mut error {
            Error::Denied(denied) => denied.limits.retain(enforced),
            Error::QueueFull(full) => full.denied.limits.retain(enforced),
            _ => {}
        }
        let mut response = self.refuse(now, form, head, RefusalReason::of(&error));
        response.extensions_mut().insert(Refused::by(self));
        response
    }

    /// Returns the answer to a refused request. `now` returns epoch ms. Without the request's head,
    /// the policy's custom answer is not used.
    pub(crate) fn refuse(
        &self,
        now: &dyn Fn() -> i64,
        form: Form,
        head: Option<&RequestHead<'_>>,
        reason: RefusalReason<'_>,
    ) -> Response<Bytes> {
        let answers = &self.rules.answers;
        let wait = wait(reason).map(|wait| answers.jitter.lengthen(wait));
        let form = if answers.grpc {
            form
        } else {
            form.without_grpc()
        };
        let mut response = form.answer(reason, wait, answers.dialects.errors.as_ref());
        if let RefusalReason::Denied(denied) = reason {
            self.report_denied(now, denied, wait, &mut response);
        }
        if let (Some(custom), Some(head)) = (&answers.custom, head) {
            response = custom.answer(Refusal {
                head: *head,
                reason,
                retry_after: wait,
                response,
            });
        }
        form.finish(response)
    }

    /// Reports all limits in a denial, even if granted responses report fewer.
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
            retry_after: wait.map(retry_after::seconds_of),
            now: if dialects.needs_time() { now() } else { 0 },
            partition: dialects.partitions.as_ref().map(partition),
        };
        dialects.report(response.headers_mut(), &standing, ReportLimits::All);
    }
}

/// Returns the time after which the request may be retried; `None` if waiting does not help.
pub(super) fn wait(reason: RefusalReason<'_>) -> Option<Duration> {
    match reason {
        RefusalReason::Denied(denied) => denied.retry_after(),
        RefusalReason::Unavailable(error) => Some(error.retry_after().unwrap_or(RETRY_UNAVAILABLE)),
        _ => None,
    }
}
