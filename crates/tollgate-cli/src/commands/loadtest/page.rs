//! The report as a page of HTML.

use tollgate_loadtest::{
    Outcome, Report,
    record::{Latencies, Point},
};
use tollgate_ops::{
    chart::{Axis, Bar, Chart, Series},
    page::{Page, Section, Table},
};

use super::figures::{counted, millis, percent};

/// Returns a count of an interval.
type Count = fn(&Point) -> u64;

/// Returns the page.
pub(super) fn page(report: &Report, load: &str, notes: &[String]) -> String {
    let kind = if report.open_loop { "open" } else { "closed" };
    let sentence = format!(
        "{:.1} decisions a second in {:.1} s, by {} in {} loop of {load}. The 99th percentile of the latency is {}.",
        report.rate(),
        report.measured.as_secs_f64(),
        counted(u64::from(report.processes), "process", "processes"),
        if report.open_loop {
            "an open"
        } else {
            "a closed"
        },
        millis(report.percentile(0.99)),
    );
    let mut page = Page::new(format!("Load test, {kind} loop")).text(sentence);
    if report.stopped {
        page = page.text("The test was interrupted.");
    }
    for note in notes {
        page = page.text(note);
    }
    page = page
        .section(outcomes(report))
        .section(over_time(report))
        .section(latency_over_time(report))
        .section(distribution(&report.latency()));
    if !report.problems.is_empty() {
        page = page.section(problems(report));
    }
    let version = env!("CARGO_PKG_VERSION");
    page.footer(format!("Written by tollgate {version}")).html()
}

fn outcomes(report: &Report) -> Section {
    let total = report.counts.total();
    let mut table = Table::new("Calls and their latencies")
        .texts(["Outcome"])
        .numbers(["Calls", "Share", "p50", "p90", "p95", "p99", "p99.9", "Max"]);
    for outcome in Outcome::ALL {
        let calls = report.counts.get(outcome);
        if let Some(latencies) = report.latencies.get(&outcome).filter(|_| calls > 0) {
            table = table.row(row(
                outcome.name(),
                calls,
                &percent(calls, total),
                latencies,
            ));
        }
    }
    let latency = report.latency();
    table = table.row(row("all but errors", latency.count(), "", &latency));
    let others = [
        ("first byte", &report.first_byte),
        ("delay of the test itself", &report.lag),
        ("Retry-After", &report.retry_after),
    ];
    for (name, latencies) in others {
        if !latencies.is_empty() {
            table = table.row(row(name, latencies.count(), "", latencies));
        }
    }
    let text = if report.open_loop {
        "A latency begins at the time at which the call should have begun, so no waiting is hidden."
    } else {
        "Each user waits for its answer before it asks again: a slow answer makes fewer calls."
    };
    Section::new("Outcomes").text(text).table(table)
}

fn row(name: &str, calls: u64, share: &str, latencies: &Latencies) -> Vec<String> {
    let at = |share| millis(latencies.percentile(share));
    vec![
        name.to_owned(),
        calls.to_string(),
        share.to_owned(),
        at(0.5),
        at(0.9),
        at(0.95),
        at(0.99),
        at(0.999),
        millis(latencies.max()),
    ]
}

/// Returns the figures of each interval, with the second at which it begins.
fn moments(report: &Report) -> Vec<(f64, &Point)> {
    let interval = report.timeline.interval().as_secs_f64();
    let times = std::iter::successors(Some(0.0), |time| Some(time + interval));
    times.zip(report.timeline.points()).collect()
}

fn over_time(report: &Report) -> Section {
    let interval = report.timeline.interval().as_secs_f64();
    let moments = moments(report);
    let counts: [(&str, Count); 3] = [
        ("granted", |point| point.counts.granted),
        ("denied", |point| point.counts.denied),
        ("without a decision", |point| point.counts.failed()),
    ];
    let mut chart = Chart::new(
        "Calls a second",
        Axis::numbers("s"),
        Axis::numbers("calls/s"),
    );
    let mut table = Table::new("Calls by the second at which they ended")
        .texts(["Second"])
        .numbers(counts.map(|(name, _)| name));
    for (name, count) in counts {
        if moments.iter().any(|(_, point)| count(point) > 0) {
            let bars = moments.iter().map(|(time, point)| {
                Bar::new(*time, time + interval, figure(count(point)) / interval)
            });
            chart = chart.series(Series::bars(name, bars.collect()));
        }
    }
    for (time, point) in &moments {
        let numbers = counts.iter().map(|(_, count)| count(point).to_string());
        table = table.row([format!("{time:.0}")].into_iter().chain(numbers));
    }
    Section::new("Calls a second")
        .text("By the time at which calls ended, with ramp and warm-up.")
        .chart(&chart)
        .table(table)
}

fn latency_over_time(report: &Report) -> Section {
    let half = report.timeline.interval().as_secs_f64() / 2.0;
    let moments = moments(report);
    let shares = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];
    let mut chart = Chart::new("Latency", Axis::numbers("s"), Axis::logarithmic("ms"));
    let mut table = Table::new("Latency by the second at which calls ended")
        .texts(["Second"])
        .numbers(shares.map(|(name, _)| name));
    for (name, share) in shares {
        let line = moments.iter().map(|(time, point)| {
            let latencies = &point.latencies;
            let value = latencies.percentile(share).as_secs_f64() * 1e3;
            // A line is interrupted if nothing ended.
            let value = if latencies.is_empty() {
                f64::NAN
            } else {
                value
            };
            (time + half, value)
        });
        chart = chart.series(Series::line(name, line.collect()));
    }
    for (time, point) in &moments {
        let times = shares.map(|(_, share)| millis(point.latencies.percentile(share)));
        table = table.row([format!("{time:.0}")].into_iter().chain(times));
    }
    Section::new("Latency over time").chart(&chart).table(table)
}

fn distribution(latency: &Latencies) -> Section {
    let classes = latency.classes();
    let bars = classes.iter().map(|class| {
        let (from, to) = (class.from.as_secs_f64() * 1e3, class.to.as_secs_f64() * 1e3);
        let note = format!(
            "{} to {}: {}",
            millis(class.from),
            millis(class.to),
            class.count
        );
        Bar::new(from, to, figure(class.count)).with_note(note)
    });
    let mut table = Table::new("Calls by latency")
        .texts(["Up to"])
        .numbers(["Calls"]);
    for class in classes.iter().filter(|class| class.count > 0) {
        table = table.row([millis(class.to), class.count.to_string()]);
    }
    let chart = Chart::new(
        "Calls by latency",
        Axis::logarithmic("ms"),
        Axis::numbers("calls"),
    )
    .series(Series::bars("calls", bars.collect()));
    Section::new("Distribution")
        .text("All calls but errors, without those of ramp and warm-up.")
        .chart(&chart)
        .table(table)
}

fn problems(report: &Report) -> Section {
    let mut table = Table::new("Calls by problem")
        .texts(["Problem"])
        .numbers(["Calls"]);
    for (problem, calls) in &report.problems {
        table = table.row([problem.clone(), calls.to_string()]);
    }
    Section::new("Problems").table(table)
}

#[expect(clippy::cast_precision_loss, reason = "a figure of a chart")]
fn figure(count: u64) -> f64 {
    count as f64
}
