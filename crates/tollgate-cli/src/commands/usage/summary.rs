//! `tollgate usage summary`

use clap::Args;
use serde::Serialize;
use tollgate::LimitName;

use super::{
    nothing,
    query::{Query, Window},
};
use crate::{
    context::Context,
    failure::Failure,
    output::{Format, Row},
    time::rfc3339,
};

/// Adds up what was consumed
///
/// Give `--entity-id`, `--resource`, or both. The windows of one length are added up, because an hour is counted again in its day.
#[derive(Debug, Args)]
pub(crate) struct Summary {
    #[command(flatten)]
    query: Query,
    /// Length of the windows
    #[arg(long, short = 'w', value_enum)]
    window: Window,
}

/// The consumption of all limits.
#[derive(Debug, Serialize)]
struct Sums {
    /// The number of snapshots that were added up.
    snapshots: u64,
    /// The beginning of the first window. `None` if there is no snapshot.
    first_window: Option<String>,
    /// The beginning of the last window.
    last_window: Option<String>,
    limits: Vec<LimitSum>,
}

/// The consumption of one limit.
#[derive(Debug, Serialize)]
struct LimitSum {
    limit: String,
    total: i64,
    average: f64,
}

impl Row for LimitSum {
    const COLUMNS: &'static [&'static str] = &["Limit", "Total", "Average"];

    fn cells(&self) -> Vec<String> {
        let average = format!("{:.2}", self.average);
        vec![self.limit.clone(), self.total.to_string(), average]
    }
}

impl Summary {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.query.check()?;
        let limiter = context.open().await?;
        let snapshots = self.query.snapshots(&limiter, Some(self.window))?;
        let summary = snapshots.summary().await?;
        let sum = |(name, total): (&LimitName, &i64)| LimitSum {
            limit: name.to_string(),
            total: *total,
            average: summary.average.get(name).copied().unwrap_or_default(),
        };
        let sums = Sums {
            snapshots: summary.snapshots,
            first_window: summary.first_window.map(rfc3339),
            last_window: summary.last_window.map(rfc3339),
            limits: summary.total.iter().map(sum).collect(),
        };
        let out = &mut context.out;
        // The numbers of all limits belong to one document.
        if matches!(out.format(), Format::Json | Format::Jsonl) {
            return Ok(out.value(&sums)?);
        }
        if sums.snapshots == 0 {
            let writer = nothing::writer(&limiter).await;
            out.line(format!("Snapshots: 0; {writer}"))?;
        } else {
            out.line(format!("Snapshots: {}", sums.snapshots))?;
        }
        if let (Some(first), Some(last)) = (&sums.first_window, &sums.last_window) {
            out.line(format!("Windows: {first} to {last}"))?;
        }
        let mut rows = out.rows();
        for sum in &sums.limits {
            rows.push(sum)?;
        }
        rows.finish()?;
        Ok(())
    }
}
