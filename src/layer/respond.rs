//! After the inner service: the lease is settled by the response's head, which tells of the limits.

use http::Response;

use super::{Outcome, Policy, ResponseHead, answer::Refused, decide::RefusedBy, held::Held, shadow};
use crate::telemetry::{same_policy_twice, settle_value_missing};

impl Policy {
    /// Settles the lease by the response's head, and reports the limits in it.
    pub(super) fn settle<B>(&self, lease: &Held, response: &mut Response<B>) {
        let rules = &*self.rules;
        if response.extensions().get::<Refused>().is_some() {
            if response.extensions().get() == Some(&RefusedBy::new(self)) {
                same_policy_twice();
            }
            // A layer further in has denied the request: it leaves every limit as it found it.
            lease.refund_all();
            self.report(lease, response);
            lease.rollback();
            return;
        }
        self.settle_by(lease, &ResponseHead::from(&*response));
        self.strip(response);
        if rules.decision.reports_shadow
            && let Some(verdict) = lease.shadow_verdict()
        {
            shadow::report(response.headers_mut(), &verdict);
        }
        self.report(lease, response);
    }

    /// What the head says was used, and what its outcome gives back.
    pub(super) fn settle_by(&self, lease: &Held, head: &ResponseHead<'_>) {
        let mut wrong = false;
        for (limit, rule) in &self.rules.settlement.head {
            match rule.source.in_head(limit, head) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    let estimate = lease.consumed(limit.as_str()).unwrap_or(0);
                    lease.found(limit, rule.applied(value, rule.base(limit, head, estimate)));
                }
                Err(_) => wrong = true,
            }
        }
        if !wrong {
            self.rules.settlement.only_in_head().filter(|limit| lease.is_untold(limit)).for_each(settle_value_missing);
        }
        self.charge(lease, head);
    }

    /// Gives back what the outcome gives back.
    fn charge(&self, lease: &Held, head: &ResponseHead<'_>) {
        match self.rules.settlement.outcomes.iter().find_map(|rule| rule.judge(head)) {
            None | Some(Outcome::Keep) => {}
            Some(Outcome::Refund) => lease.refund_all(),
            Some(Outcome::RefundLimits(limits)) => limits.iter().for_each(|limit| lease.refund(limit)),
        }
    }

    /// Takes out what only the layer is to see.
    pub(super) fn strip<B>(&self, response: &mut Response<B>) {
        self.rules.settlement.strip_headers(response.headers_mut());
    }
}
