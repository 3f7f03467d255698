//! `tollgate loadtest tune`

use std::{num::NonZeroU32, time::Duration};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tollgate_loadtest::{
    Load, LoadTest, Report,
    tune::{Goal, Search, Step, Tuned, Verdict},
};

use super::{
    figures::{millis, percent_of},
    part::PartArguments,
    processes,
    run::here,
    setup::Setup,
    target::TargetArguments,
    units,
};
use crate::{
    context::Context,
    failure::Failure,
    output::{Format, Output, Row},
    stderr,
};

/// Finds the most load whose 99th percentile stays under a bound
///
/// Doubles the load from a baseline until the bound breaks, and then halves the interval between the
/// highest load that kept it and the lowest that did not. Each load has rounds, of which more than half
/// decide. If the test itself cannot make a load, the command says so: then use more --processes, more
/// cores, or a place closer to the target. Exits with 1 if even the baseline breaks the bound.
#[derive(Debug, Args)]
pub(crate) struct Tune {
    /// Longest 99th percentile of the latency
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = units::positive)]
    p99: Duration,
    /// Largest share of calls without a decision, percent
    #[arg(long, value_name = "PERCENT", default_value = "0.1", value_parser = units::percent)]
    max_errors: f64,
    /// Meaning of the load
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// Load of the baseline: users, or calls a second [default: 1 user of each process, or 10
    /// calls a second]
    #[arg(long, value_name = "LOAD", value_parser = units::rate)]
    start: Option<f64>,
    /// Highest load that is tried
    #[arg(long, value_name = "LOAD", default_value = "100000", value_parser = units::rate)]
    most: f64,
    /// Time of a round
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = units::positive)]
    round: Duration,
    /// Time before each round that is not in its figures
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = units::duration)]
    warm_up: Duration,
    /// Most rounds of a load
    #[arg(long, default_value = "3")]
    rounds: NonZeroU32,
    /// Precision of the answer, percent
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = units::percent)]
    precision: f64,
    /// Longest time of a call
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::positive)]
    timeout: Duration,
    /// Number of processes that share each load
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256))]
    processes: u32,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    part: PartArguments,
    /// Load of which this process makes a part
    #[arg(long, hide = true, value_name = "LOAD", value_parser = units::rate, default_value = "1")]
    level: f64,
}

/// The meaning of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// Calls a second, which come even if earlier ones wait
    #[default]
    Rate,
    /// Users that ask again when they have their answer
    Users,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Answer {
    /// The highest load that kept the bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    keeps: Option<f64>,
    /// The lowest load above it that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    fails: Option<f64>,
    /// The reason why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Verdict>,
    stopped: bool,
    clean_up: String,
    steps: Vec<StepRow>,
}

/// A load that was tried.
#[derive(Clone, Debug, Serialize)]
struct StepRow {
    load: f64,
    rounds: usize,
    rate: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    denied: f64,
    failed: f64,
    efficiency: f64,
    lag_ms: f64,
    verdict: Verdict,
}

impl StepRow {
    fn new(tuned: &Tuned, step: &Step) -> Self {
        let figures = step.figures();
        let in_millis = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            load: step.level,
            rounds: step.rounds.len(),
            rate: figures.rate,
            p50_ms: in_millis(figures.p50),
            p95_ms: in_millis(figures.p95),
            p99_ms: in_millis(figures.p99),
            denied: figures.denied,
            failed: figures.failed,
            efficiency: tuned.efficiency(step),
            lag_ms: in_millis(figures.lag),
            verdict: step.verdict,
        }
    }
}

impl Row for StepRow {
    const COLUMNS: &'static [&'static str] = &[
        "Load",
        "Rate",
        "p50",
        "p95",
        "p99",
        "Denied",
        "Failed",
        "Efficiency",
        "Lag",
        "Bound",
    ];

    fn cells(&self) -> Vec<String> {
        let time = |ms: f64| millis(Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default());
        vec![
            load(self.load),
            format!("{:.0}/s", self.rate),
            time(self.p50_ms),
            time(self.p95_ms),
            time(self.p99_ms),
            percent_of(self.denied),
            percent_of(self.failed),
            percent_of(self.efficiency),
            time(self.lag_ms),
            word(self.verdict).to_owned(),
        ]
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Keeps => "kept",
        Verdict::Latency => "too slow",
        Verdict::Failures => "failures",
        Verdict::Generator => "not made",
        _ => "not kept",
    }
}

fn load(load: f64) -> String {
    if load.fract() == 0.0 || load >= 1000.0 {
        format!("{load:.0}")
    } else {
        format!("{load:.1}")
    }
}

impl Tune {
    pub(super) fn threads(&self) -> usize {
        self.part.threads()
    }

    pub(super) async fn run(self, context: &mut Context) -> Result<(), Failure> {
        let named = context.options.given_namespace().is_some();
        self.target.check(named)?;
        if self.part.is_given() {
            let test = self.test(self.level);
            return self.part.run(context, &self.target, test).await;
        }
        let search = self.search()?;
        let setup = Setup::prepare(context, &self.target).await?;
        let result = search
            .run(async |level| {
                let report = self.measure(&setup, level).await?;
                Ok::<Option<Report>, Failure>((!report.stopped).then_some(report))
            })
            .await;
        let cleaned = setup.clean_up(context, self.target.keeps()).await;
        let tuned = result.map_err(|failure| failure.after(cleaned.clone()))?;
        self.print(&mut context.out, &tuned, cleaned)?;
        if tuned.keeps.is_some() || tuned.stopped {
            return Ok(());
        }
        let baseline = self.told(search.start);
        Err(Failure::Refused(match tuned.fails {
            Some((_, Verdict::Generator)) => {
                format!("the test itself cannot make {baseline}: nothing is known of the target")
            }
            _ => {
                let bound = millis(self.p99);
                format!(
                    "the bound of {bound} is broken even with {baseline}: raise --p99, or lower --start"
                )
            }
        }))
    }

    /// Runs a round, here or in other processes.
    async fn measure(&self, setup: &Setup, level: f64) -> Result<Report, Failure> {
        if self.processes > 1 {
            let (report, _) = processes::run(setup, self.processes, Some(level)).await?;
            return Ok(report);
        }
        here(setup, self.test(level)).await
    }

    fn search(&self) -> Result<Search, Failure> {
        let whole = self.by == By::Users;
        let processes = f64::from(self.processes);
        let start = self.start.unwrap_or(if whole { processes } else { 10.0 });
        if whole && (start.fract() != 0.0 || self.most.fract() != 0.0) {
            return Err(Failure::Usage("users are whole numbers".into()));
        }
        if whole && start < processes {
            return Err(Failure::Usage(format!(
                "--start {start} is less than --processes {processes}: each needs a user at least"
            )));
        }
        if start > self.most {
            return Err(Failure::Usage(format!(
                "--start {start} is more than --most {}",
                self.most
            )));
        }
        Ok(Search {
            goal: Goal {
                p99: self.p99,
                failed: self.max_errors / 100.0,
            },
            start,
            most: self.most,
            rounds: self.rounds.get(),
            precision: self.precision / 100.0,
            whole,
        })
    }

    fn test(&self, level: f64) -> LoadTest {
        let load = match self.by {
            By::Rate => Load::rate(level),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "users are whole numbers of at most 10 000 000"
            )]
            By::Users => Load::users(level as u32),
        };
        LoadTest::new(load.lasting(self.warm_up + self.round))
            .warm_up(self.warm_up)
            .timeout(self.timeout)
    }

    /// Returns a load in words: `40 calls a second`.
    fn told(&self, level: f64) -> String {
        let unit = match self.by {
            By::Rate => "calls a second",
            By::Users if level == 1.0 => "user",
            By::Users => "users",
        };
        format!("{} {unit}", load(level))
    }

    fn print(&self, out: &mut Output, tuned: &Tuned, clean_up: String) -> Result<(), Failure> {
        let steps = tuned.steps.iter();
        let steps: Vec<_> = steps.map(|step| StepRow::new(tuned, step)).collect();
        let (fails, reason) = tuned.fails.unzip();
        if tuned.steps.iter().any(|step| step.figures().denied > 0.0) {
            stderr::line(
                "note: calls were denied, which is fast: -l with higher limits shows what grants take",
            );
        }
        if matches!(out.format(), Format::Json | Format::Jsonl) {
            let answer = Answer {
                keeps: tuned.keeps,
                fails,
                reason,
                stopped: tuned.stopped,
                clean_up,
                steps,
            };
            return Ok(out.value(&answer)?);
        }
        let mut rows = out.rows();
        for step in &steps {
            rows.push(step)?;
        }
        rows.finish()?;
        for sentence in self.sentences(tuned) {
            out.line(sentence)?;
        }
        Ok(out.line(clean_up)?)
    }

    fn sentences(&self, tuned: &Tuned) -> Vec<String> {
        let bound = millis(self.p99);
        let mut sentences = Vec::new();
        if tuned.stopped {
            sentences.push("Interrupted: the steps so far".to_owned());
        }
        if let Some(keeps) = tuned.keeps {
            let keeps = self.told(keeps);
            let bounds = match tuned.fails {
                Some((fails, _)) => {
                    format!("the limit is between that and {}", self.told(fails))
                }
                None => "no higher load was tried".to_owned(),
            };
            sentences.push(format!("A p99 of {bound} is kept by {keeps}: {bounds}"));
        }
        if let (Some(_), Some((fails, Verdict::Generator))) = (tuned.keeps, tuned.fails) {
            sentences.push(format!(
                "The test itself could not make {}: its own delay was more than half of {bound}. The target may take more: \
                 use more cores, or more --processes",
                self.told(fails)
            ));
        }
        sentences
    }
}
