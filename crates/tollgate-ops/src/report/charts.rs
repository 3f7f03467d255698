//! Charts of a report.

use std::collections::BTreeMap;

use tollgate::LimitName;

use super::{
    allowance,
    collected::{Collected, Use},
    holding::Holding,
    usage_report::UsageReport,
};
use crate::{
    chart::{Axis, Bar, Chart, Series, thousands},
    usage::{Window, WindowLength},
};

/// The number of subjects that a chart of several shows apart.
const APART: usize = 5;

impl UsageReport {
    /// Draws a picture of one limit. Several entities or resources are drawn on each other: those
    /// that used most, and all others together.
    pub fn picture(&self, limit: &LimitName, width: u32) -> String {
        picture(self, limit).svg(width)
    }
}

/// Draws a limit: of the only subject with its limit, or of several on each other.
fn picture(report: &UsageReport, limit: &LimitName) -> Chart {
    let mut uses = report.uses.iter();
    match (uses.next(), uses.next()) {
        (Some((subject, collected)), None) => {
            let holding = report.holding.get(subject);
            of_one(report, &subject.to_string(), collected, limit, holding)
        }
        _ => of_all(report, limit),
    }
}

/// Draws the use of a limit by one subject, beside what the limit allows.
pub(super) fn of_one(
    report: &UsageReport,
    name: &str,
    uses: &Collected,
    limit: &LimitName,
    holding: Option<&Holding>,
) -> Chart {
    let empty = BTreeMap::new();
    let windows = uses.limits.get(limit).unwrap_or(&empty);
    let mut chart = chart(report, format!("{limit} of {name}"), limit)
        .description(description(report, windows))
        .series(Series::bars("used", bars(report, windows, holding, limit)));
    let overdrawn = windows.iter().filter(|(_, used)| used.overdrafts > 0);
    let marks: Vec<_> = overdrawn
        .map(|(start, used)| {
            let middle = i128::from(*start).midpoint(i128::from(report.window(*start).end()));
            (float(middle), float(used.tokens.max(0)))
        })
        .collect();
    if !marks.is_empty() {
        chart = chart.series(Series::marks("overdrawn", marks));
    }
    let allowed = windows.keys().filter_map(|start| {
        Some((
            report.window(*start),
            allowed(holding, limit, report.window(*start))?,
        ))
    });
    let allowed: Vec<(Window, u64)> = allowed.collect();
    match allowed.first() {
        None => chart,
        Some((_, tokens)) if allowed.iter().all(|(_, other)| other == tokens) => {
            chart.level("allowed", float(*tokens))
        }
        // Months, and limits with a schedule.
        Some(_) => {
            let ends = allowed.iter().flat_map(|(window, tokens)| {
                [window.start, window.end()].map(|time| (float(time), float(*tokens)))
            });
            chart.series(Series::line("allowed", ends.collect()))
        }
    }
}

/// Draws the use of a limit by all subjects, on each other.
pub(super) fn of_all(report: &UsageReport, limit: &LimitName) -> Chart {
    let mut ranking: Vec<_> = report.uses.iter().collect();
    ranking.sort_by_key(|(_, uses)| std::cmp::Reverse(uses.total(limit)));
    let apart = if ranking.len() > APART + 1 {
        APART
    } else {
        ranking.len()
    };
    let (first, others) = ranking.split_at(apart);
    let mut all = Collected::default();
    let mut series = Vec::new();
    for (subject, uses) in first {
        all.merge(uses);
        if let Some(windows) = uses.limits.get(limit) {
            let bars = bars(report, windows, None, limit);
            series.push(Series::bars(subject.to_string(), bars));
        }
    }
    if !others.is_empty() {
        let mut rest = Collected::default();
        for (_, uses) in others {
            rest.merge(uses);
        }
        all.merge(&rest);
        if let Some(windows) = rest.limits.remove(limit) {
            let bars = bars(report, &windows, None, limit);
            let name = format!("{} others", thousands(as_count(others.len())));
            series.push(Series::bars(name, bars).as_rest());
        }
    }
    let windows = all.limits.remove(limit).unwrap_or_default();
    let chart =
        chart(report, format!("{limit} of all"), limit).description(description(report, &windows));
    series.into_iter().fold(chart, Chart::series)
}

/// Returns what a limit allows in a window. `None` if no such limit is stored.
pub(super) fn allowed(holding: Option<&Holding>, limit: &LimitName, window: Window) -> Option<u64> {
    let (limit, _) = holding?.limit(limit.as_str())?;
    Some(allowance(limit, window))
}

/// Returns the part of what is allowed that was used, in percent.
pub(super) fn share(used: i64, allowed: u64) -> String {
    if allowed == 0 {
        return "–".to_owned();
    }
    let part = i128::from(used) * 1000 / i128::from(allowed);
    format!("{}.{}%", thousands(part / 10), (part % 10).abs())
}

/// Writes the beginning of a window: to the minute, the day or the month.
pub(super) fn label(window: Window) -> String {
    let key = window.key();
    match window.length {
        WindowLength::Hour => key.replace('T', " ").replace(":00Z", ""),
        WindowLength::Day | WindowLength::Month => key,
    }
}

pub(super) fn as_count(number: usize) -> i128 {
    i128::try_from(number).unwrap_or(i128::MAX)
}

fn chart(report: &UsageReport, title: String, limit: &LimitName) -> Chart {
    let chart = Chart::new(title, Axis::time(), Axis::numbers(limit.to_string()));
    let Some((from, to)) = report.extent() else {
        return chart;
    };
    let chart = chart.span(float(from), float(to));
    let gaps = report
        .gaps
        .iter()
        .filter(|gap| gap.to > from && gap.from < to);
    gaps.fold(chart, |chart, gap| {
        chart.band("records missing", float(gap.from), float(gap.to))
    })
}

/// Returns a bar for each window, which says its numbers.
fn bars(
    report: &UsageReport,
    windows: &BTreeMap<i64, Use>,
    holding: Option<&Holding>,
    limit: &LimitName,
) -> Vec<Bar> {
    let bar = |(start, used): (&i64, &Use)| {
        let window = report.window(*start);
        let mut note = format!("{} UTC: {} {limit}", label(window), thousands(used.tokens));
        if let Some(allowed) = allowed(holding, limit, window) {
            note += &format!(
                ", {} of {}",
                share(used.tokens, allowed),
                thousands(allowed)
            );
        }
        if used.overdrafts > 0 {
            note += &format!(", overdrafts: {}", thousands(used.overdrafts));
        }
        Bar::new(float(*start), float(window.end()), float(used.tokens)).with_note(note)
    };
    windows.iter().map(bar).collect()
}

/// Returns the text that replaces a picture.
fn description(report: &UsageReport, windows: &BTreeMap<i64, Use>) -> String {
    let total: i128 = windows.values().map(|used| i128::from(used.tokens)).sum();
    let peak = windows.iter().max_by_key(|(_, used)| used.tokens);
    let Some((start, used)) = peak else {
        return "Nothing was used.".to_owned();
    };
    format!(
        "{} in {} windows with use. The most is {}, in the window that begins at {} UTC.",
        thousands(total),
        thousands(as_count(windows.len())),
        thousands(used.tokens),
        label(report.window(*start))
    )
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a picture shows about three digits"
)]
fn float(number: impl Into<i128>) -> f64 {
    number.into() as f64
}
