//! Reports the limits in the response of the inner service.

use http::{Response, header::RETRY_AFTER};

use crate::layer::{
    Policy, ReportLimits, headers::Standing, lease::lease_slot::LeaseSlot, response::answer,
};

impl Policy {
    /// Reports the limits in a response, also if an inner layer has refused the request.
    pub(crate) fn report<B>(&self, lease: &LeaseSlot, response: &mut Response<B>) {
        let answers = &self.rules.answers;
        if !response.status().is_success() && response.headers().contains_key(RETRY_AFTER) {
            // A client that retries then meets this layer first, so it must wait for this layer's
            // limits, too.
            if let Some((wait, now)) = lease.wait_for_the_same() {
                answer::keep_later(
                    response.headers_mut(),
                    wait,
                    answers.jitter,
                    answers.dialects.errors.as_ref(),
                    now,
                );
            }
        }
        if answers.report == ReportLimits::Off {
            return;
        }
        if let (Some(fields), Some(limits)) = (&self.rules.plain.report, self.rules.limits.own())
            && let Some(left) = lease.left_of_one(limits)
        {
            fields.report(response.headers_mut(), left);
            return;
        }
        let dialects = &answers.dialects;
        let mut statuses = lease.statuses();
        // Clients need not slow down for limits that only observe.
        statuses.retain(|status| !self.rules.decision.observes(status.limit.name()));
        if statuses.is_empty() {
            return;
        }
        let standing = Standing {
            statuses: &statuses,
            refused: false,
            retry_after: None,
            now: if dialects.needs_time() {
                lease.now()
            } else {
                0
            },
            partition: dialects
                .partitions
                .as_ref()
                .and_then(|keys| lease.partition(keys)),
        };
        dialects.report(response.headers_mut(), &standing, answers.report);
    }
}
