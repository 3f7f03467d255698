//! The bounds that the load has to keep.

use std::time::Duration;

use super::{figures::Figures, step::Verdict};

/// The bounds that a load has to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The longest 99th percentile of the latency.
    pub p99: Duration,
    /// The largest share of calls without a decision, from 0 to 1.
    pub failed: f64,
}

impl Goal {
    /// Returns the verdict on a round.
    ///
    /// If this process itself was late by more than half of the bound, the figures are about this
    /// process, and the verdict says so.
    pub fn judge(&self, figures: &Figures) -> Verdict {
        if figures.lag > self.p99 / 2 {
            return Verdict::Generator;
        }
        if !figures.measured || figures.failed > self.failed {
            return Verdict::Failures;
        }
        if figures.p99 > self.p99 {
            return Verdict::Latency;
        }
        Verdict::Keeps
    }
}
