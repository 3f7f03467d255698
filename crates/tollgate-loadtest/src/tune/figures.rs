//! The figures of one round.

use std::time::Duration;

use serde::Serialize;

use crate::report::Report;

/// The figures of one round of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// Decisions a second.
    pub rate: f64,
    /// The median of the latency.
    pub p50: Duration,
    /// The 95th percentile.
    pub p95: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The share of decisions that were denials.
    pub denied: f64,
    /// The share of calls without a decision.
    pub failed: f64,
    /// The 99th percentile of the delay of this process.
    pub lag: Duration,
    /// True if there were calls.
    pub measured: bool,
}

impl Figures {
    /// Returns the figures of a report.
    pub fn new(report: &Report) -> Self {
        let latency = report.latency();
        Self {
            rate: report.rate(),
            p50: latency.percentile(0.5),
            p95: latency.percentile(0.95),
            p99: latency.percentile(0.99),
            denied: report.denied_share(),
            failed: report.failure_share(),
            lag: report.lag.percentile(0.99),
            measured: report.counts.total() > 0,
        }
    }
}
