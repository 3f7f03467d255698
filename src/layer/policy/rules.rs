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
}
