//! The checked parts of a policy.

use crate::layer::{ReportLimits, headers::OneLimitFields};

use super::{
    AnswerRules, CostRules, DecisionRules, PolicyLimits, SettlementRules, Subject, WarningRules,
    resource_charge::ChargeRules,
};
use crate::limiter::PartIndex;

/// The checked parts of a policy, one for each question about a request.
///
/// The order of the fields is fixed by `repr(C)`: the part that every request reads first is next
/// to the reference count of the `Arc`, whose cache line the request has just touched.
#[repr(C)]
pub(crate) struct Rules {
    pub(crate) plain: Plain,
    pub(crate) subject: Subject,
    pub(crate) limits: PolicyLimits,
    pub(crate) cost: CostRules,
    pub(crate) decision: DecisionRules,
    pub(crate) settlement: SettlementRules,
    pub(crate) answers: AnswerRules,
    /// `None` if the policy never warns.
    pub(crate) warnings: Option<Box<WarningRules>>,
    /// The resources that are charged in addition.
    pub(crate) also: Box<[ChargeRules]>,
}

/// Flags that show which parts of a policy are of the simplest kind. The flags are computed once,
/// so that requests need not check these parts.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Plain {
    /// `true` if the policy has one limit of its own, the cost is one token, and a request is only
    /// granted or denied.
    pub(crate) decision: bool,
    /// `true` if no rule looks at the head or the body of a response.
    pub(crate) settlement: bool,
    /// The headers of responses, if they report one limit, which is enforced.
    pub(crate) report: Option<OneLimitFields>,
}

impl Plain {
    fn new(
        limits: &PolicyLimits,
        cost: &CostRules,
        decision: &DecisionRules,
        settlement: &SettlementRules,
        answers: &AnswerRules,
        also: &[ChargeRules],
    ) -> Self {
        let one_limit = limits.own().is_some_and(|limits| limits.len() == 1);
        let one_token = cost.is_fixed() && cost.fixed.is_empty();
        let report = answers
            .dialects
            .one_limit()
            .filter(|_| answers.report != ReportLimits::Off && decision.is_plain());
        let decision = one_limit && one_token && decision.is_plain() && also.is_empty();
        Self {
            decision,
            settlement: settlement.is_plain() && also.iter().all(|also| also.settlement.is_plain()),
            report,
        }
    }
}

impl Rules {
    pub(super) fn new(
        subject: Subject,
        limits: PolicyLimits,
        cost: CostRules,
        decision: DecisionRules,
        settlement: SettlementRules,
        answers: AnswerRules,
        also: Box<[ChargeRules]>,
    ) -> Self {
        let plain = Plain::new(&limits, &cost, &decision, &settlement, &answers, &also);
        Self {
            subject,
            limits,
            cost,
            decision,
            settlement,
            answers,
            warnings: None,
            also,
            plain,
        }
    }

    /// Returns the rules for the cost of each part of a lease, with the number of the part.
    pub(crate) fn costs(&self) -> impl Iterator<Item = (PartIndex, &CostRules)> {
        let also = self.also.iter().map(|also| &also.cost);
        std::iter::once(&self.cost).chain(also).enumerate()
    }

    /// Returns `true` if rules remove headers or trailers.
    pub(crate) fn strip(&self) -> bool {
        self.settlements().any(|(_, rules)| rules.strips())
    }

    /// Returns `true` if rules look at bodies.
    pub(crate) fn look_at_bodies(&self) -> bool {
        self.settlements().any(|(_, rules)| !rules.body.is_empty())
    }

    /// Returns the rules that settle a part of a lease.
    pub(crate) fn settlement(&self, part: PartIndex) -> &SettlementRules {
        let also = part.checked_sub(1).and_then(|index| self.also.get(index));
        also.map_or(&self.settlement, |also| &also.settlement)
    }

    /// Returns the rules that settle each part of a lease, with the number of the part.
    pub(crate) fn settlements(&self) -> impl Iterator<Item = (PartIndex, &SettlementRules)> {
        let also = self.also.iter().map(|also| &also.settlement);
        std::iter::once(&self.settlement).chain(also).enumerate()
    }
}
