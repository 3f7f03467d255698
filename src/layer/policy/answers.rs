//! The answers and headers that clients get.

use std::sync::Arc;

use super::{InvalidPolicy, PolicyLimits};
use crate::layer::{
    Answer, Dialect, Jitter, QuotaUnit, ReportLimits,
    headers::{Dialects, PartitionKeys},
};

/// The rules for the answers and headers that clients get.
pub(crate) struct AnswerRules {
    pub(crate) report: ReportLimits,
    pub(crate) dialects: Dialects,
    pub(crate) jitter: Jitter,
    /// `true` if gRPC requests are answered with a gRPC status.
    pub(crate) grpc: bool,
    pub(crate) custom: Option<Arc<dyn Answer>>,
}

impl AnswerRules {
    pub(super) fn new(limits: &PolicyLimits) -> Self {
        Self {
            report: ReportLimits::default(),
            dialects: Dialects::usual(limits.own()),
            jitter: Jitter::NONE,
            grpc: true,
            custom: None,
        }
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Default)]
pub(super) struct AnswerDraft {
    pub(super) report: ReportLimits,
    pub(super) dialects: Vec<Dialect>,
    pub(super) units: Vec<(String, QuotaUnit)>,
    pub(super) secret: Option<Vec<u8>>,
    pub(super) jitter: Option<Jitter>,
    pub(super) without_grpc: bool,
    pub(super) custom: Option<Arc<dyn Answer>>,
}

impl AnswerDraft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<AnswerRules, InvalidPolicy> {
        let unit = |(name, unit): (String, QuotaUnit)| {
            if unit.is_valid() {
                Ok((limits.known(name)?, unit))
            } else {
                Err(InvalidPolicy::QuotaUnit(unit.as_str().to_owned()))
            }
        };
        // The unit that was set last is found first.
        let units = self
            .units
            .into_iter()
            .rev()
            .map(unit)
            .collect::<Result<_, _>>()?;
        let dialects = if self.dialects.is_empty() {
            vec![Dialect::default()]
        } else {
            self.dialects
        };
        let partitions = |secret: Vec<u8>| {
            let length = secret.len();
            let short = InvalidPolicy::ShortSecret {
                length,
                shortest: PartitionKeys::SHORTEST,
            };
            PartitionKeys::new(&secret).ok_or(short)
        };
        let partitions = self.secret.map(partitions).transpose()?;
        Ok(AnswerRules {
            report: self.report,
            dialects: Dialects::check(dialects, units, partitions, limits)?,
            jitter: self.jitter.unwrap_or(Jitter::NONE),
            grpc: !self.without_grpc,
            custom: self.custom,
        })
    }
}
