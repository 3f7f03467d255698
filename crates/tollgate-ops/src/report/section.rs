//! A section of a report: one entity and one resource, or all others together.

use std::collections::BTreeMap;

use tollgate::LimitName;

use super::{
    charts::{allowed, label, of_one, share},
    collected::{Collected, Use},
    holding::Holding,
    usage_report::UsageReport,
};
use crate::{
    chart::thousands,
    page::{Section, Table},
};

/// Writes the section: the limits that hold, totals, and a chart and a table for each limit.
pub(super) fn write(
    report: &UsageReport,
    name: &str,
    uses: &Collected,
    holding: Option<&Holding>,
) -> Section {
    let mut section = Section::new(name);
    if let Some(text) = stored(holding) {
        section = section.text(text);
    }
    section = section.table(totals(report, uses, holding));
    for (limit, windows) in &uses.limits {
        let table = windows_of(report, limit, windows, holding);
        let chart = of_one(report, name, uses, limit, holding);
        section = section.heading(limit).chart(&chart).table(table);
    }
    section
}

/// Describes the stored limits.
fn stored(holding: Option<&Holding>) -> Option<String> {
    let holding = holding?;
    if holding.limits.is_empty() {
        return Some("No limit is stored for it now.".to_owned());
    }
    let limits = holding.limits.iter().map(|(_, text)| text.as_str());
    let limits = limits.collect::<Vec<_>>().join(" · ");
    Some(format!(
        "Limits stored now, at the level {}: {limits}",
        holding.level
    ))
}

/// Returns a row for each limit.
fn totals(report: &UsageReport, uses: &Collected, holding: Option<&Holding>) -> Table {
    let mut table = Table::new("Totals").texts(["Limit"]).numbers([
        "Used",
        "Most in a window",
        "Its beginning, UTC",
        "Share of what is allowed",
        "Windows over",
        "Overdrafts",
    ]);
    for (limit, windows) in &uses.limits {
        let Some((start, most)) = windows.iter().max_by_key(|(_, used)| used.tokens) else {
            continue;
        };
        let window = report.window(*start);
        let part = allowed(holding, limit, window).map(|allowed| share(most.tokens, allowed));
        let over = windows.iter().filter(|(start, used)| {
            let allowed = allowed(holding, limit, report.window(**start));
            allowed.is_some_and(|allowed| is_over(used.tokens, allowed))
        });
        let over = u64::try_from(over.count()).unwrap_or(u64::MAX);
        let is_stored = holding.is_some_and(|holding| holding.limit(limit.as_str()).is_some());
        let overdrafts: u128 = windows
            .values()
            .map(|used| u128::from(used.overdrafts))
            .sum();
        table = table.row([
            limit.to_string(),
            thousands(uses.total(limit)),
            thousands(most.tokens),
            label(window),
            part.unwrap_or_else(none),
            if is_stored { thousands(over) } else { none() },
            thousands(i128::try_from(overdrafts).unwrap_or(i128::MAX)),
        ]);
    }
    table
}

/// Returns a row for each window of a limit.
fn windows_of(
    report: &UsageReport,
    limit: &LimitName,
    windows: &BTreeMap<i64, Use>,
    holding: Option<&Holding>,
) -> Table {
    let caption = format!("Use of {limit} by window");
    let mut table = Table::new(caption).texts(["Window, UTC"]).numbers([
        "Used",
        "Allowed",
        "Share",
        "Overdrafts",
    ]);
    for (start, used) in windows {
        let window = report.window(*start);
        let allowed = allowed(holding, limit, window);
        let part = allowed.map(|allowed| {
            let part = share(used.tokens, allowed);
            if is_over(used.tokens, allowed) {
                format!("{part}, over")
            } else {
                part
            }
        });
        table = table.row([
            label(window),
            thousands(used.tokens),
            allowed.map_or_else(none, thousands),
            part.unwrap_or_else(none),
            thousands(used.overdrafts),
        ]);
    }
    table
}

fn is_over(used: i64, allowed: u64) -> bool {
    i128::from(used) > i128::from(allowed)
}

/// Returns the cell for nothing.
fn none() -> String {
    "–".to_owned()
}
