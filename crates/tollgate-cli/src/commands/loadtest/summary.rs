//! The figures of a report as the command prints them.

use std::{collections::BTreeMap, io, time::Duration};

use serde::Serialize;
use tollgate_loadtest::{
    Outcome, Report,
    record::{Counts, Latencies},
};

use super::figures::{counted, millis, percent};
use crate::output::{Output, Row};

/// The shortest delay of the test that is worth a note, in milliseconds.
const NOTICED: f64 = 1.0;

/// The figures of a report. Times are milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(rename = "loop")]
    kind: &'static str,
    load: String,
    processes: u32,
    stopped: bool,
    seconds: f64,
    /// Decisions a second.
    rate: f64,
    counts: Counts,
    warm_up: Counts,
    latency: Percentiles,
    by_outcome: BTreeMap<&'static str, Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    least_remaining: Option<u64>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_units: Option<f64>,
    problems: BTreeMap<String, u64>,
    broken_bounds: Vec<String>,
    clean_up: String,
    timeline: Vec<Moment>,
}

/// Percentiles of times, in milliseconds.
#[derive(Debug, Serialize)]
struct Percentiles {
    count: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

/// The figures of an interval.
#[derive(Debug, Serialize)]
struct Moment {
    /// The seconds from the beginning of the test to that of the interval.
    second: u64,
    counts: Counts,
    p50: f64,
    p99: f64,
}

impl Percentiles {
    fn new(latencies: &Latencies) -> Self {
        let at = |share| in_millis(latencies.percentile(share));
        Self {
            count: latencies.count(),
            mean: in_millis(latencies.mean()),
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: in_millis(latencies.max()),
        }
    }

    fn unless_empty(latencies: &Latencies) -> Option<Self> {
        (!latencies.is_empty()).then(|| Self::new(latencies))
    }

    fn sentence(&self) -> String {
        let time =
            |value: f64| millis(Duration::try_from_secs_f64(value / 1e3).unwrap_or_default());
        format!(
            "p50 {}  p90 {}  p95 {}  p99 {}  p99.9 {}  max {}",
            time(self.p50),
            time(self.p90),
            time(self.p95),
            time(self.p99),
            time(self.p999),
            time(self.max)
        )
    }
}

fn in_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Summary {
    pub(super) fn new(
        report: &Report,
        load: String,
        write_units: Option<f64>,
        broken_bounds: Vec<String>,
        clean_up: String,
    ) -> Self {
        let timeline = &report.timeline;
        let interval = timeline.interval().as_secs();
        let moments = (0..).zip(timeline.points()).map(|(number, point)| Moment {
            second: interval * number,
            counts: point.counts,
            p50: in_millis(point.latencies.percentile(0.5)),
            p99: in_millis(point.latencies.percentile(0.99)),
        });
        let by_outcome = report.latencies.iter();
        Self {
            kind: if report.open_loop { "open" } else { "closed" },
            load,
            processes: report.processes,
            stopped: report.stopped,
            seconds: report.measured.as_secs_f64(),
            rate: report.rate(),
            counts: report.counts,
            warm_up: report.warm_up,
            latency: Percentiles::new(&report.latency()),
            by_outcome: by_outcome
                .map(|(outcome, latencies)| (outcome.name(), Percentiles::new(latencies)))
                .collect(),
            first_byte: Percentiles::unless_empty(&report.first_byte),
            lag: Percentiles::unless_empty(&report.lag),
            retry_after: Percentiles::unless_empty(&report.retry_after),
            least_remaining: report.least_remaining,
            bytes: report.bytes,
            write_units,
            problems: report.problems.clone(),
            broken_bounds,
            clean_up,
            timeline: moments.collect(),
        }
    }

    /// Returns true if the delay of the test is so long that the latency shows it.
    fn is_about_itself(&self) -> bool {
        // Without a latency, nothing shows it.
        let lag = self.lag.as_ref().filter(|_| self.latency.count > 0);
        lag.is_some_and(|lag| lag.p99 > NOTICED && lag.p99 > self.latency.p99 / 4.0)
    }

    /// Returns a sentence about the write units, if they were counted.
    pub(super) fn units(&self) -> Option<String> {
        let units = self.write_units?;
        let granted = self.counts.granted + self.warm_up.granted;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let each = units / granted.max(1) as f64;
        Some(format!("{units:.0} write units, {each:.2} for each grant"))
    }

    /// Prints the figures: text for people, all of them for programs.
    pub(super) fn print(&self, out: &mut Output) -> io::Result<()> {
        if !out.is_text() {
            return out.record(self);
        }
        if self.stopped {
            out.line("Interrupted: the figures so far")?;
        }
        let counts = &self.counts;
        out.line(format!(
            "{:.1} decisions/s in {:.1} s ({} loop of {}, {})",
            self.rate,
            self.seconds,
            self.kind,
            self.load,
            counted(u64::from(self.processes), "process", "processes"),
        ))?;
        for outcome in Outcome::ALL {
            let calls = counts.get(outcome);
            if calls > 0 {
                let share = percent(calls, counts.total());
                out.line(format!("{:14}{calls} ({share})", outcome.name()))?;
            }
        }
        let latency = match self.latency.count {
            0 => "none, because errors do not count".to_owned(),
            _ => self.latency.sentence(),
        };
        out.line(format!("latency       {latency}"))?;
        if self.by_outcome.len() > 1 {
            for (name, percentiles) in &self.by_outcome {
                out.line(format!("  {name:12}{}", percentiles.sentence()))?;
            }
        }
        let others = [
            ("first byte", &self.first_byte),
            ("lag", &self.lag),
            ("retry after", &self.retry_after),
        ];
        for (name, percentiles) in others {
            if let Some(percentiles) = percentiles {
                out.line(format!("{name:14}{}", percentiles.sentence()))?;
            }
        }
        if self.is_about_itself() {
            out.line(
                "note: the test itself was late. Use more cores, more --processes, or less load",
            )?;
        }
        if let Some(units) = self.units() {
            out.line(format!("cost          {units}"))?;
        }
        if self.warm_up.total() > 0 {
            let calls = self.warm_up.total();
            let granted = self.warm_up.granted;
            let text =
                format!("before that   {calls} calls of ramp and warm-up, {granted} granted");
            out.line(text)?;
        }
        for (problem, calls) in &self.problems {
            out.line(format!(
                "problem       {}: {problem}",
                counted(*calls, "call", "calls")
            ))?;
        }
        out.line(&self.clean_up)
    }
}

impl Row for Summary {
    const COLUMNS: &'static [&'static str] = &[
        "seconds",
        "rate",
        "granted",
        "denied",
        "failed",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
        "write_units",
    ];

    fn cells(&self) -> Vec<String> {
        let units = self
            .write_units
            .map_or("-".into(), |units| format!("{units:.1}"));
        vec![
            format!("{:.3}", self.seconds),
            format!("{:.3}", self.rate),
            self.counts.granted.to_string(),
            self.counts.denied.to_string(),
            self.counts.failed().to_string(),
            format!("{:.3}", self.latency.p50),
            format!("{:.3}", self.latency.p95),
            format!("{:.3}", self.latency.p99),
            format!("{:.3}", self.latency.max),
            units,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_late_itself_is_told_by_its_delay_beside_the_latency() {
        let is_told = |lag: u64, latency: u64| {
            let mut report = Report::default();
            report.lag.record(Duration::from_micros(lag));
            let latencies = report.latencies.entry(Outcome::Granted).or_default();
            latencies.record(Duration::from_micros(latency));
            let load = "10 users".to_owned();
            Summary::new(&report, load, None, Vec::new(), String::new()).is_about_itself()
        };
        assert!(is_told(5_000, 10_000));
        assert!(!is_told(2_000, 10_000));
        assert!(!is_told(900, 1_000), "too short to matter");

        let mut report = Report::default();
        report.lag.record(Duration::from_secs(1));
        let errors = report.latencies.entry(Outcome::Error).or_default();
        errors.record(Duration::from_micros(1));
        let summary = Summary::new(&report, String::new(), None, Vec::new(), String::new());
        assert!(!summary.is_about_itself(), "errors have no latency");
    }

    #[test]
    fn a_test_without_latencies_does_not_say_that_it_was_late() {
        let mut report = Report::default();
        report.lag.record(Duration::from_millis(5));
        let summary = Summary::new(&report, "10 users".into(), None, Vec::new(), String::new());
        assert!(!summary.is_about_itself());
    }
}
