//! The page of a report.

use tollgate::LimitName;

use super::{
    charts::{as_count, label, of_all},
    collected::Collected,
    section,
    subject::Subject,
    usage_report::UsageReport,
};
use crate::{
    chart::thousands,
    page::{Page, Section, Table},
    usage::WindowLength,
};

/// The number of limits that the table of all subjects has room for.
const LIMITS: usize = 6;

impl UsageReport {
    /// Writes the page: a section for each of the `top` entities and resources that used most, and
    /// one for all others together.
    pub fn page(&self, top: usize) -> String {
        write(self, top)
    }
}

/// Writes the page.
fn write(report: &UsageReport, top: usize) -> String {
    let mut page = Page::new(&report.title);
    let Some((from, to)) = report.extent().filter(|_| report.snapshots > 0) else {
        let text = "There are no snapshots of that use. Only an aggregator writes them: tollgate aggregate.";
        return page.text(text).footer(&report.footer).html();
    };
    let ranking = report.ranking();
    let (shown, others) = ranking.split_at(top.min(ranking.len()));
    for text in introduction(report, (from, to), (shown.len(), ranking.len())) {
        page = page.text(text);
    }
    if let Some(limit) = report.measure().filter(|_| ranking.len() > 1) {
        page = page.section(overview(report, &limit, shown, others));
    }
    for (subject, uses) in shown {
        let holding = report.holding.get(subject);
        page = page.section(section::write(report, &subject.to_string(), uses, holding));
    }
    if !others.is_empty() {
        let name = format!("{} others together", thousands(as_count(others.len())));
        let sum = sum(others);
        page = page.section(section::write(report, &name, &sum, None));
    }
    page.footer(&report.footer).html()
}

/// Returns the paragraphs that say what the page shows.
fn introduction(
    report: &UsageReport,
    (from, to): (i64, i64),
    (shown, all): (usize, usize),
) -> Vec<String> {
    let length = match report.length {
        WindowLength::Hour => "an hour",
        WindowLength::Day => "a day",
        WindowLength::Month => "a calendar month",
    };
    let mut texts = vec![format!(
        "Windows of {length}, from {} to {}. Snapshots: {}. A window without a snapshot is not in the tables, and has no \
         bar: nothing was counted in it.",
        time(from),
        time(to),
        thousands(report.snapshots)
    )];
    if shown < all {
        let measure = report
            .measure()
            .map_or_else(String::new, |limit| limit.to_string());
        texts.push(format!(
            "{} of {} entities and resources have a section of their own: those that used most {measure}. The last section \
             shows the others together.",
            thousands(as_count(shown)),
            thousands(as_count(all))
        ));
    }
    texts.push(
        "Limits are those that are stored now; others may have held when the tokens were used. A bucket allows its \
         capacity and its refill over the window. A quota allows its amount for each of its periods in the window. Of a \
         limit with a schedule, the numbers are those of the window's beginning."
            .to_owned(),
    );
    let gaps = report
        .gaps
        .iter()
        .filter(|gap| gap.to > from && gap.from < to);
    for gap in gaps {
        texts.push(format!(
            "Records between {} and {} are missing: the stream no longer had them when the aggregator came. Use in that \
             time may be missing, or may be counted in a later window.",
            time(gap.from),
            time(gap.to)
        ));
    }
    if let Some(until) = report.counted_until {
        texts.push(format!(
            "The newest change that is counted is of {}.",
            time(until)
        ));
    }
    texts
}

/// Writes the section that compares all subjects.
fn overview(
    report: &UsageReport,
    limit: &LimitName,
    shown: &[(&Subject, &Collected)],
    others: &[(&Subject, &Collected)],
) -> Section {
    let limits: Vec<LimitName> = report.limits().into_iter().take(LIMITS).collect();
    let names = limits.iter().map(ToString::to_string);
    let mut table = Table::new("Tokens used, by limit")
        .texts(["Entity", "Resource"])
        .numbers(names);
    let totals = |uses: &Collected| -> Vec<String> {
        limits
            .iter()
            .map(|limit| thousands(uses.total(limit)))
            .collect()
    };
    for (subject, uses) in shown {
        let names = [subject.entity.to_string(), subject.resource.to_string()];
        table = table.row(names.into_iter().chain(totals(uses)));
    }
    if !others.is_empty() {
        let names = [
            format!("{} others", thousands(as_count(others.len()))),
            "–".to_owned(),
        ];
        table = table.row(names.into_iter().chain(totals(&sum(others))));
    }
    Section::new("All together")
        .heading(limit)
        .chart(&of_all(report, limit))
        .table(table)
}

fn sum(subjects: &[(&Subject, &Collected)]) -> Collected {
    let mut sum = Collected::default();
    for (_, uses) in subjects {
        sum.merge(uses);
    }
    sum
}

/// Writes a time to the minute.
fn time(seconds: i64) -> String {
    let minute = crate::usage::Window {
        length: WindowLength::Hour,
        start: seconds - seconds.rem_euclid(60),
    };
    format!("{} UTC", label(minute))
}
