//! The checked parts of a policy.

use crate::layer::{ReportLimits, headers::AloneFields};

use super::{AnswerRules, CostRules, DecisionRules, PolicyLimits, SettlementRules, Subject};

/// The checked parts of a policy, one for each question that a request asks.
///
/// In this order: what every request asks stands beside the reference count, which it has touched.
#[repr(C)]
pub(in crate::layer) struct Rules {
    pub(in crate::layer) plain: Plain,
    pub(in crate::layer) subject: Subject,
    pub(in crate::layer) limits: PolicyLimits,
    pub(in crate::layer) cost: CostRules,
    pub(in crate::layer) decision: DecisionRules,
    pub(in crate::layer) settlement: SettlementRules,
    pub(in crate::layer) answers: AnswerRules,
}

/// What of a policy says nothing beyond the simplest, so that requests need not ask.
#[derive(Clone, Debug)]
#[repr(C)]
pub(in crate::layer) struct Plain {
    /// One limit of the policy's own, a token of it, and no way but to grant or to deny.
    pub(in crate::layer) decision: bool,
    /// And that for every peer address, of one resource, with no exemptions.
    pub(in crate::layer) peer: bool,
    /// As `decision`, and nobody settles: no rule, no handler, no answer that depends on the request.
    pub(in crate::layer) settlement: bool,
    /// What responses tell, where that is one limit, which holds.
    pub(in crate::layer) report: Option<AloneFields>,
}

impl Plain {
    fn new(
        subject: &Subject,
        limits: &PolicyLimits,
        cost: &CostRules,
        decision: &DecisionRules,
        settlement: &SettlementRules,
        answers: &AnswerRules,
    ) -> Self {
        let one_limit = limits.own().is_some_and(|limits| limits.len() == 1);
        let one_token = cost.is_fixed() && cost.fixed.is_empty();
        let report = answers.dialects.alone().filter(|_| answers.report != ReportLimits::Off && decision.is_plain());
        let decision = one_limit && one_token && decision.is_plain();
        let told = answers.custom.is_none() && (report.is_some() || answers.report == ReportLimits::Off);
        let peer = decision && subject.is_peer && subject.fixed_resource.is_some() && subject.exempt.is_none();
        Self { decision, peer, settlement: decision && told && settlement.is_plain(), report }
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
    ) -> Self {
        let plain = Plain::new(&subject, &limits, &cost, &decision, &settlement, &answers);
        Self { subject, limits, cost, decision, settlement, answers, plain }
    }
}
