//! `tollgate usage summary`

use clap::Args;
use serde::Serialize;

use super::query::{Query, Window};
use crate::{context::Context, failure::Failure, output::Row, time::rfc3339};

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
        let limiter = context.open().await?;
        let snapshots = self.query.snapshots(&limiter, Some(self.window))?;
        let summary = snapshots.summary().await?;
        context
            .out
            .line(format!("Snapshots: {}", summary.snapshots))?;
        if let (Some(first), Some(last)) = (summary.first_window, summary.last_window) {
            context
                .out
                .line(format!("Windows: {} to {}", rfc3339(first), rfc3339(last)))?;
        }
        let mut rows = context.out.rows();
        for (name, total) in &summary.total {
            rows.push(&LimitSum {
                limit: name.to_string(),
                total: *total,
                average: summary.average.get(name).copied().unwrap_or_default(),
            })?;
        }
        rows.finish()?;
        Ok(())
    }
}
