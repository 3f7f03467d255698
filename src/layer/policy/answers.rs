//! What clients are told.

use super::{PolicyBuilder, PolicyLimits};
use crate::layer::{ReportLimits, headers::PolicyField};

/// What clients are told.
#[derive(Clone, Debug)]
pub(in crate::layer) struct AnswerRules {
    pub(in crate::layer) report: ReportLimits,
    pub(in crate::layer) policy_field: PolicyField,
}

impl AnswerRules {
    pub(super) fn new(limits: &PolicyLimits) -> Self {
        Self { report: ReportLimits::default(), policy_field: PolicyField::new(limits.own()) }
    }
}

/// What a builder was told.
#[derive(Debug, Default)]
pub(super) struct Draft {
    report: ReportLimits,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> AnswerRules {
        AnswerRules { report: self.report, ..AnswerRules::new(limits) }
    }
}

/// Answers.
impl PolicyBuilder {
    /// Which limits granted responses report. Default: [`ReportLimits::All`].
    pub fn report(mut self, report: ReportLimits) -> Self {
        self.answers.report = report;
        self
    }
}
