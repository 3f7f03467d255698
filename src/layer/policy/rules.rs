//! The checked parts of a policy.

use super::{AnswerRules, CostRules, DecisionRules, PolicyLimits, SettlementRules, Subject};

/// The checked parts of a policy, one for each question that a request asks.
pub(in crate::layer) struct Rules {
    pub(in crate::layer) subject: Subject,
    pub(in crate::layer) limits: PolicyLimits,
    pub(in crate::layer) cost: CostRules,
    pub(in crate::layer) decision: DecisionRules,
    pub(in crate::layer) settlement: SettlementRules,
    pub(in crate::layer) answers: AnswerRules,
    pub(in crate::layer) plain: Plain,
}

/// What of a policy says nothing beyond the simplest, so that requests need not ask.
#[derive(Clone, Copy, Debug)]
pub(in crate::layer) struct Plain {
    /// One limit of the policy's own, a token of it, and no way but to grant or to deny.
    pub(in crate::layer) decision: bool,
    /// And nobody settles: no rule, no handler, no answer that depends on the request.
    pub(in crate::layer) settlement: bool,
}

impl Rules {
    pub(super) fn new(
        subject: Subject,
        limits: PolicyLimits,
        cost: CostRules,
        decision: DecisionRules,
        settlement: SettlementRules,
        answers: AnswerRules,
    ) -> Self {
        let decides_plainly = limits.own().is_some_and(|limits| limits.len() == 1)
            && cost.is_fixed()
            && cost.fixed.is_empty()
            && decision.is_plain();
        let plain = Plain {
            decision: decides_plainly,
            settlement: decides_plainly && settlement.is_plain() && answers.is_plain(),
        };
        Self { subject, limits, cost, decision, settlement, answers, plain }
    }
}
