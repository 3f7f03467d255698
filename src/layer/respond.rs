//! After the inner service: the lease is settled by the response's head, which tells of the limits.

use http::Response;

use super::{Policy, answer::Refused, handle::Held, shadow};

impl Policy {
    /// Settles the lease by the response's head, and reports the limits in it.
    pub(super) fn settle<B>(&self, lease: &Held, response: &mut Response<B>) {
        let rules = &*self.rules;
        if response.extensions().get::<Refused>().is_some() {
            // A layer further in has denied the request: it leaves every limit as it found it.
            lease.settle_all(0);
            self.report(lease, response);
            lease.rollback();
            return;
        }
        for (limit, rule) in &rules.settlement.settle {
            let estimate = lease.consumed(limit.as_str()).unwrap_or(0);
            if let Some(used) = rule.read(limit, estimate, response.headers_mut()) {
                // Stored limits may lack it.
                let _ = lease.settle(limit.as_str(), used);
            }
        }
        if rules.settlement.refund_server_errors && response.status().is_server_error() {
            lease.settle_all(0);
        }
        if rules.decision.reports_shadow
            && let Some(verdict) = lease.shadow_verdict()
        {
            shadow::report(response.headers_mut(), &verdict);
        }
        self.report(lease, response);
    }
}
