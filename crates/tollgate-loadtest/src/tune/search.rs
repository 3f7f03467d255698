//! The search: doubling, then bisection, with repeated rounds.

use serde::Serialize;

use super::{
    figures::Figures,
    goal::Goal,
    step::{Step, Verdict},
};
use crate::report::Report;

/// A search for the most load that keeps a goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The goal.
    pub goal: Goal,
    /// The level of the baseline, above 0.
    pub start: f64,
    /// The highest level that is tried.
    pub most: f64,
    /// The number of rounds of each level: more than half of them decide.
    pub rounds: u32,
    /// The search ends when the lowest level that fails is at most this share above the highest
    /// level that keeps the goal: `0.05` for 5 %.
    pub precision: f64,
    /// Levels are whole numbers, as users are.
    pub whole: bool,
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Tuned {
    /// The levels in the order in which they were tried. The first one is the baseline.
    pub steps: Vec<Step>,
    /// The highest level that keeps the goal. `None` if even the baseline does not.
    pub keeps: Option<f64>,
    /// The lowest level above it that does not, and the reason. `None` if no level that was tried
    /// fails.
    pub fails: Option<(f64, Verdict)>,
    /// True if the search was stopped before its end.
    pub stopped: bool,
}

impl Tuned {
    /// Returns the median latency of the baseline as a share of that of a step: how much of the
    /// baseline's speed is left.
    pub fn efficiency(&self, step: &Step) -> f64 {
        let baseline = self.steps.first().map(Step::figures).unwrap_or_default();
        let p50 = step.figures().p50.as_secs_f64();
        if p50 > 0.0 {
            baseline.p50.as_secs_f64() / p50
        } else {
            1.0
        }
    }
}

impl Search {
    /// Searches. `measure` runs a test with a level; `None` stops the search.
    ///
    /// # Errors
    /// The errors of `measure`.
    pub async fn run<E>(
        &self,
        mut measure: impl AsyncFnMut(f64) -> Result<Option<Report>, E>,
    ) -> Result<Tuned, E> {
        let mut tuned = Tuned::default();
        let mut level = self.start;
        loop {
            let Some(step) = self.step(level, &mut measure).await? else {
                tuned.stopped = true;
                return Ok(tuned);
            };
            match step.verdict {
                Verdict::Keeps => tuned.keeps = Some(level),
                verdict => tuned.fails = Some((level, verdict)),
            }
            tuned.steps.push(step);
            match self.next(&tuned) {
                Some(next) => level = next,
                None => return Ok(tuned),
            }
        }
    }

    /// Returns the next level, unless the answer is known.
    fn next(&self, tuned: &Tuned) -> Option<f64> {
        let keeps = tuned.keeps?;
        let Some((fails, _)) = tuned.fails else {
            let doubled = (keeps * 2.0).min(self.most);
            return (doubled > keeps).then_some(doubled);
        };
        let middle = f64::midpoint(keeps, fails);
        let middle = if self.whole { middle.floor() } else { middle };
        let is_known = fails <= keeps * (1.0 + self.precision) || middle <= keeps;
        (!is_known).then_some(middle)
    }

    /// Measures a level until more than half of its rounds agree whether the goal is kept.
    async fn step<E>(
        &self,
        level: f64,
        measure: &mut impl AsyncFnMut(f64) -> Result<Option<Report>, E>,
    ) -> Result<Option<Step>, E> {
        let rounds = self.rounds.max(1) as usize;
        let enough = rounds / 2 + 1;
        let (mut figures, mut verdicts) = (Vec::new(), Vec::new());
        loop {
            let Some(report) = measure(level).await? else {
                return Ok(None);
            };
            let round = Figures::new(&report);
            verdicts.push(self.goal.judge(&round));
            figures.push(round);
            let (kept, failed): (Vec<_>, Vec<_>) = verdicts
                .iter()
                .partition(|verdict| **verdict == Verdict::Keeps);
            let verdict = if kept.len() >= enough {
                Verdict::Keeps
            } else if failed.len() >= enough || verdicts.len() == rounds {
                most_frequent(&failed)
            } else {
                continue;
            };
            return Ok(Some(Step {
                level,
                rounds: figures,
                verdict,
            }));
        }
    }
}

/// Returns the most frequent verdict, and the first of those that are equally frequent.
fn most_frequent(verdicts: &[Verdict]) -> Verdict {
    let count = |verdict: &Verdict| verdicts.iter().filter(|other| *other == verdict).count();
    let mut most = Verdict::Latency;
    for verdict in verdicts.iter().rev() {
        if count(verdict) >= count(&most) {
            most = *verdict;
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use super::*;
    use crate::reply::Reply;

    const FAST: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_millis(100);

    fn search() -> Search {
        Search {
            goal: Goal {
                p99: Duration::from_millis(20),
                failed: 0.01,
            },
            start: 10.0,
            most: 1e6,
            rounds: 3,
            precision: 0.05,
            whole: false,
        }
    }

    /// Returns the report of a round of which all calls took that time.
    fn round(latency: Duration) -> Report {
        let mut report = Report {
            measured: Duration::from_secs(1),
            ..Report::default()
        };
        for _ in 0..100 {
            report.record(&Reply::granted(), latency);
        }
        report
    }

    fn levels(tuned: &Tuned) -> Vec<f64> {
        tuned.steps.iter().map(|step| step.level).collect()
    }

    async fn tune(search: &Search, mut measure: impl FnMut(f64) -> Option<Report>) -> Tuned {
        let result: Result<_, Infallible> = search.run(async |level| Ok(measure(level))).await;
        result.unwrap_or_else(|never| match never {})
    }

    #[tokio::test]
    async fn doubling_then_bisection_finds_the_level_within_the_precision() {
        let most = 777.0;
        let tuned = tune(&search(), |level| {
            Some(round(if level <= most { FAST } else { SLOW }))
        })
        .await;
        let (keeps, (fails, why)) = (tuned.keeps.unwrap(), tuned.fails.unwrap());
        assert!(
            keeps <= most && most < fails && fails <= keeps * 1.05,
            "{tuned:?}"
        );
        assert_eq!(why, Verdict::Latency);
        assert_eq!(
            levels(&tuned)[..8],
            [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 1280.0]
        );
        // Two rounds that agree are enough.
        assert!(tuned.steps.iter().all(|step| step.rounds.len() == 2));
        assert!((tuned.efficiency(&tuned.steps[7]) - 0.01).abs() < 0.001);
    }

    #[tokio::test]
    async fn one_bad_round_of_three_does_not_decide() {
        let mut rounds = 0;
        let mut bounded = search();
        bounded.most = 40.0;
        let tuned = tune(&bounded, |_| {
            rounds += 1;
            Some(round(if rounds % 3 == 1 { SLOW } else { FAST }))
        })
        .await;
        assert_eq!((tuned.keeps, tuned.fails), (Some(40.0), None));
        assert!(tuned.steps.iter().all(|step| step.rounds.len() == 3));
        assert_eq!(
            tuned.steps[0].figures().p99.as_millis(),
            1,
            "the middle one"
        );
    }

    #[tokio::test]
    async fn a_level_that_this_process_cannot_make_is_no_fault_of_the_target() {
        let tuned = tune(&search(), |level| {
            let mut report = round(FAST);
            if level > 300.0 {
                report = round(SLOW);
                report.lag.record(Duration::from_millis(50));
            }
            Some(report)
        })
        .await;
        assert_eq!(tuned.fails.unwrap().1, Verdict::Generator);
        assert!(tuned.keeps.unwrap() <= 300.0);
    }

    #[tokio::test]
    async fn users_are_whole_and_failures_count() {
        let mut users = search();
        (users.start, users.whole) = (1.0, true);
        let tuned = tune(&users, |level| {
            let mut report = round(FAST);
            for _ in 0..if level > 5.0 { 5 } else { 0 } {
                report.record(&Reply::error("refused"), FAST);
            }
            Some(report)
        })
        .await;
        assert_eq!(
            (tuned.keeps, tuned.fails),
            (Some(5.0), Some((6.0, Verdict::Failures)))
        );
        assert!(levels(&tuned).iter().all(|level| level.fract() == 0.0));
    }

    #[tokio::test]
    async fn a_baseline_that_fails_ends_the_search_and_so_does_a_stop() {
        let tuned = tune(&search(), |_| Some(round(SLOW))).await;
        assert_eq!((tuned.keeps, tuned.steps.len()), (None, 1));
        let mut rounds = 0;
        let tuned = tune(&search(), |_| {
            rounds += 1;
            (rounds <= 4).then(|| round(FAST))
        })
        .await;
        assert!(tuned.stopped);
        assert_eq!(tuned.keeps, Some(20.0));
        let tuned = tune(&search(), |_| Some(Report::default())).await;
        assert_eq!(
            tuned.fails,
            Some((10.0, Verdict::Failures)),
            "no call at all"
        );
    }
}
