//! The checked parts of a policy.

use crate::layer::{ReportLimits, headers::OneLimitFields};

use super::{
    AnswerRules, CostRules, DecisionRules, PolicyLimits, SettlementRules, Subject, WarningRules,
};

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
    ) -> Self {
        let one_limit = limits.own().is_some_and(|limits| limits.len() == 1);
        let one_token = cost.is_fixed() && cost.fixed.is_empty();
        let report = answers
            .dialects
            .one_limit()
            .filter(|_| answers.report != ReportLimits::Off && decision.is_plain());
        let decision = one_limit && one_token && decision.is_plain();
        Self {
            decision,
            settlement: settlement.is_plain(),
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
        warnings: Option<Box<WarningRules>>,
    ) -> Self {
        let plain = Plain::new(&limits, &cost, &decision, &settlement, &answers);
        Self {
            subject,
            limits,
            cost,
            decision,
            settlement,
            answers,
            warnings,
            plain,
        }
    }
}
