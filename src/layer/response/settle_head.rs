//! After the inner service: settles the lease by the response's head, and reports the limits in the
//! response.

use http::Response;

use crate::layer::{
    Outcome, Policy, ResponseHead, lease::lease_slot::LeaseSlot, policy::SettlementRules,
    response::answer::Refused, response::shadow_header,
};
use crate::limiter::PartIndex;
use crate::telemetry::{same_policy_twice, settle_value_missing};

impl Policy {
    /// Settles the lease by the response's head, and reports the limits in it.
    pub(crate) fn settle<B>(&self, lease: &LeaseSlot, response: &mut Response<B>) {
        let rules = &*self.rules;
        if let Some(refused) = response.extensions().get::<Refused>() {
            if refused.is_by(self) {
                same_policy_twice();
            }
            // An inner layer has refused the request, so all of its cost is given back.
            lease.refund_all();
            self.report(lease, response);
            lease.rollback();
            return;
        }
        if !rules.plain.settlement {
            self.settle_by(lease, &ResponseHead::from(&*response));
            self.strip(response);
        }
        if rules.decision.reports_shadow
            && let Some(verdict) = lease.shadow_verdict()
        {
            shadow_header::report(response.headers_mut(), &verdict);
        }
        self.report(lease, response);
    }

    /// Settles the amounts that the rules find in the head, and gives back what the response's
    /// outcome says.
    pub(crate) fn settle_by(&self, lease: &LeaseSlot, head: &ResponseHead<'_>) {
        for (part, rules) in self.rules.settlements() {
            settle_part(rules, lease, part, head);
        }
        self.apply_outcome(lease, head);
    }

    /// Gives back what the response's outcome says.
    fn apply_outcome(&self, lease: &LeaseSlot, head: &ResponseHead<'_>) {
        match self
            .rules
            .settlement
            .outcomes
            .iter()
            .find_map(|rule| rule.judge(head))
        {
            None | Some(Outcome::Keep) => {}
            Some(Outcome::Refund) => lease.refund_all(),
            Some(Outcome::RefundLimits(limits)) => {
                limits.iter().for_each(|limit| lease.refund(limit))
            }
        }
    }

    /// Removes the headers that only the layer may see.
    pub(crate) fn strip<B>(&self, response: &mut Response<B>) {
        for (_, rules) in self.rules.settlements() {
            rules.strip_headers(response.headers_mut());
        }
    }
}

/// Settles the amounts that the rules of one resource find in the head.
fn settle_part(
    rules: &SettlementRules,
    lease: &LeaseSlot,
    part: PartIndex,
    head: &ResponseHead<'_>,
) {
    let mut wrong = false;
    for (limit, rule) in &rules.head {
        let estimate = || lease.consumed(part, limit.as_str()).unwrap_or(0);
        match rule.in_head(limit, head, estimate) {
            Ok(None) => {}
            Ok(Some(used)) => lease.found(part, limit, used),
            Err(_) => wrong = true,
        }
    }
    if !wrong {
        rules
            .only_in_head()
            .filter(|limit| lease.is_untold(part, limit))
            .for_each(settle_value_missing);
    }
}
