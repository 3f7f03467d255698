//! `tollgate usage list`

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use tollgate::{LimitName, limiter::Listing, model::UsageSnapshot};

use super::{
    chart::Chart,
    nothing,
    query::{Query, Window},
};
use crate::{
    commands::listing::{self, Form, From},
    context::Context,
    failure::Failure,
    output::Row,
    time::rfc3339,
};

/// Lists what was consumed in each window, newest windows first
///
/// Give `--entity-id`, `--resource`, or both. The stack's aggregator writes these snapshots. Without
/// one there are none.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    query: Query,
    /// Length of the windows; without it, all lengths
    #[arg(long, short = 'w', value_enum)]
    window: Option<Window>,
    /// Number of snapshots to list, after the selection
    #[arg(long, short = 'l', default_value_t = 100)]
    limit: u64,
    #[command(flatten)]
    from: From,
    /// Draw a bar for each window, of this limit's consumption by all selected entities
    #[arg(long, value_name = "LIMIT", requires = "window")]
    chart: Option<LimitName>,
}

/// A snapshot of consumption.
#[derive(Debug, Serialize)]
struct SnapshotRow {
    window_start: String,
    window_end: String,
    window: String,
    resource: String,
    entity_id: String,
    total_events: u64,
    counters: BTreeMap<String, i64>,
    overdrawn: BTreeMap<String, u64>,
}

impl SnapshotRow {
    fn new(snapshot: UsageSnapshot) -> Self {
        let named = |(name, count): (&tollgate::LimitName, &i64)| (name.to_string(), *count);
        let overdrawn = snapshot.overdrawn.iter();
        Self {
            window_start: rfc3339(snapshot.window_start),
            window_end: rfc3339(snapshot.window_end()),
            window: snapshot.window.to_string(),
            resource: snapshot.resource.to_string(),
            entity_id: snapshot.entity.to_string(),
            total_events: snapshot.total_events,
            counters: snapshot.counters.iter().map(named).collect(),
            overdrawn: overdrawn
                .map(|(name, count)| (name.to_string(), *count))
                .collect(),
        }
    }
}

impl Row for SnapshotRow {
    const COLUMNS: &'static [&'static str] = &[
        "Window Start",
        "Type",
        "Resource",
        "Entity",
        "Events",
        "Counters",
    ];

    const CSV_COLUMNS: &'static [&'static str] = &[
        "window_start",
        "window",
        "resource",
        "entity",
        "events",
        "limit",
        "tokens",
    ];

    fn cells(&self) -> Vec<String> {
        let counters = self
            .counters
            .iter()
            .map(|(name, tokens)| format!("{name}={tokens}"));
        vec![
            self.window_start.clone(),
            self.window.clone(),
            self.resource.clone(),
            self.entity_id.clone(),
            self.total_events.to_string(),
            counters.collect::<Vec<_>>().join(", "),
        ]
    }

    /// Returns a row for each limit. The events are those of the whole window.
    fn csv_rows(&self) -> Vec<Vec<String>> {
        let row = |(limit, tokens): (&String, &i64)| {
            vec![
                self.window_start.clone(),
                self.window.clone(),
                self.resource.clone(),
                self.entity_id.clone(),
                self.total_events.to_string(),
                limit.clone(),
                tokens.to_string(),
            ]
        };
        self.counters.iter().map(row).collect()
    }
}

impl List {
    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        self.query.check()?;
        let limiter = context.open().await?;
        let snapshots = self.query.snapshots(&limiter, self.window)?.list();
        if let Some(limit) = self.chart.filter(|_| context.out.is_text()) {
            return draw(context, snapshots, Chart::new(limit), self.limit).await;
        }
        let row = |snapshot: UsageSnapshot| Some(SnapshotRow::new(snapshot));
        let mut is_empty = false;
        let total = |count| {
            is_empty = count == 0;
            (count > 0).then(|| format!("Total: {count} snapshots"))
        };
        let part = self.from.part(self.limit);
        listing::print(context, snapshots, part, Form::Table, (row, total)).await?;
        if is_empty && context.out.is_text() {
            let writer = nothing::writer(&limiter).await;
            context.out.line(format!("Total: 0 snapshots; {writer}"))?;
        }
        Ok(())
    }
}

/// Draws the newest snapshots, `most` of them.
async fn draw(
    context: &mut Context,
    mut snapshots: Listing<UsageSnapshot>,
    mut chart: Chart,
    most: u64,
) -> Result<(), Failure> {
    for _ in 0..most {
        match snapshots.next().await {
            Some(snapshot) => chart.add(&snapshot?),
            None => break,
        }
    }
    for line in chart.lines(context.out.room()) {
        context.out.line(line)?;
    }
    Ok(())
}
