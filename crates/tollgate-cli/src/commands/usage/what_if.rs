//! `tollgate usage what-if`

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tollgate::{Limit, model::UsageSnapshot};

use super::query::{Query, Window};
use crate::{context::Context, failure::Failure, limits, output::Row, time::rfc3339};

/// Compares what was consumed with another limit
///
/// A window is over the limit if it consumed more than a bucket gives in that time that is full at its
/// beginning. A window that is not over it may still have had bursts that the limit refuses: shorter
/// windows tell more.
#[derive(Debug, Args)]
pub(crate) struct WhatIf {
    #[command(flatten)]
    query: Query,
    /// Length of the windows
    #[arg(long, short = 'w', value_enum)]
    window: Window,
    /// Limit to compare with: name:rate[/period][:burst]
    #[arg(long = "limit", short = 'l', value_name = "LIMIT", required = true, value_parser = limits::parse)]
    limits: Vec<Limit>,
}

/// A window and a limit.
#[derive(Debug, Serialize)]
struct Comparison {
    window_start: String,
    resource: String,
    entity_id: String,
    limit: String,
    /// The tokens that were consumed.
    consumed: i64,
    /// The most tokens that the limit grants in the window.
    grants: u64,
    /// The tokens beyond that.
    over: u64,
}

impl Comparison {
    /// Returns `None` if the snapshot does not count the limit.
    fn new(snapshot: &UsageSnapshot, limit: &Limit) -> Option<Self> {
        let consumed = *snapshot.counters.get(limit.name())?;
        let length = snapshot.window_end().duration_since(snapshot.window_start);
        let grants = most(limit, length.unwrap_or_default());
        let used = u64::try_from(consumed).unwrap_or(0);
        Some(Self {
            window_start: rfc3339(snapshot.window_start),
            resource: snapshot.resource.to_string(),
            entity_id: snapshot.entity.to_string(),
            limit: limit.name().to_string(),
            consumed,
            grants,
            over: used.saturating_sub(grants),
        })
    }
}

/// Returns the most tokens that a limit grants in some time: its capacity, and what it refills.
fn most(limit: &Limit, length: Duration) -> u64 {
    let refilled = u128::from(limit.refill_amount()) * length.as_millis();
    let refilled = refilled / limit.refill_period().as_millis().max(1);
    let refilled = u64::try_from(refilled).unwrap_or(u64::MAX);
    limit.capacity().saturating_add(refilled)
}

impl Row for Comparison {
    const COLUMNS: &'static [&'static str] = &[
        "Window Start",
        "Resource",
        "Entity",
        "Limit",
        "Consumed",
        "Grants",
        "Over",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.window_start.clone(),
            self.resource.clone(),
            self.entity_id.clone(),
            self.limit.clone(),
            self.consumed.to_string(),
            self.grants.to_string(),
            self.over.to_string(),
        ]
    }
}

impl WhatIf {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.query.check()?;
        let limiter = context.open().await?;
        let snapshots = self.query.snapshots(&limiter, Some(self.window))?;
        let mut snapshots = snapshots.list();
        let mut rows = context.out.rows();
        let mut over = 0_u64;
        while let Some(snapshot) = snapshots.next().await {
            let snapshot = snapshot?;
            for limit in &self.limits {
                if let Some(row) = Comparison::new(&snapshot, limit) {
                    over += u64::from(row.over > 0);
                    rows.push(&row)?;
                }
            }
        }
        let count = rows.finish()?;
        let sentence = if count == 0 {
            let names = self.limits.iter().map(|limit| limit.name().as_str());
            let names = names.collect::<Vec<_>>().join(" or ");
            format!(
                "No snapshot of that use counts {names}: `tollgate usage list` shows what was counted"
            )
        } else {
            format!("Over the limit: {over} of {count}")
        };
        Ok(context.out.line(sentence)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gets_the_capacity_and_the_refill_of_its_time() {
        let hour = Duration::from_secs(3600);
        assert_eq!(most(&limits::parse("rpm:500/min").unwrap(), hour), 30_500);
        assert_eq!(most(&limits::parse("rpd:10/day:4").unwrap(), hour), 4);
        let month = hour * 24 * 31;
        assert_eq!(most(&limits::parse("rpd:10/day").unwrap(), month), 320);
    }
}
