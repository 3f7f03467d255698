//! The report of a test.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    outcome::Outcome,
    record::{Counts, Latencies, Timeline},
    reply::Reply,
};

/// The most different problems that are counted apart.
const PROBLEMS: usize = 20;

/// The figures of a test.
///
/// The figures leave out calls of the warm-up: they are only counted, in [`warm_up`](Self::warm_up),
/// and shown in the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The number of calls after the warm-up.
    pub counts: Counts,
    /// The number of calls that began in the warm-up.
    pub warm_up: Counts,
    /// The time in which calls began, without the warm-up.
    pub measured: Duration,
    /// True if calls began at their own times, and not when others had ended.
    pub open_loop: bool,
    /// The latencies by outcome. In an open loop they begin at the time at which the call should
    /// have begun.
    pub latencies: BTreeMap<Outcome, Latencies>,
    /// The time to the first byte of the body, of replies that have one.
    pub first_byte: Latencies,
    /// The delays of this process. In an open loop: from the time at which a call should have begun
    /// to that at which it began, without calls that were late because too many were in flight. In a
    /// closed loop: the time that a task which can run waits for a thread, measured all 10 ms.
    pub lag: Latencies,
    /// The times that denials asked to wait.
    pub retry_after: Latencies,
    /// The lowest number of requests that an answer said were left.
    pub least_remaining: Option<u64>,
    /// The bytes of all bodies.
    pub bytes: u64,
    /// The figures over time, with those of the warm-up.
    pub timeline: Timeline,
    /// The number of calls by problem.
    pub problems: BTreeMap<String, u64>,
    /// True if the test was stopped before its end.
    pub stopped: bool,
    /// The number of processes that made the calls.
    pub processes: u32,
}

impl Report {
    /// Returns the latencies of all calls but those that failed: a connection that is refused at
    /// once is not fast. Timeouts and unsent calls are in it, with the time that they waited.
    pub fn latency(&self) -> Latencies {
        let mut all = Latencies::new();
        for (outcome, latencies) in &self.latencies {
            if outcome.is_waiting() {
                all.merge(latencies);
            }
        }
        all
    }

    /// Returns a percentile of [`latency`](Self::latency): `0.99` for the 99th.
    pub fn percentile(&self, share: f64) -> Duration {
        self.latency().percentile(share)
    }

    /// Returns the decisions a second.
    pub fn rate(&self) -> f64 {
        per_second(self.counts.decided(), self.measured)
    }

    /// Returns the share of calls that got no decision, from 0 to 1.
    pub fn failure_share(&self) -> f64 {
        share(self.counts.failed(), self.counts.total())
    }

    /// Returns the share of decisions that were denials, from 0 to 1.
    pub fn denied_share(&self) -> f64 {
        share(self.counts.denied, self.counts.decided())
    }

    /// Adds the report of another process, which began at the same time.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.warm_up.merge(&other.warm_up);
        self.measured = self.measured.max(other.measured);
        self.open_loop |= other.open_loop;
        for (outcome, latencies) in &other.latencies {
            self.latencies.entry(*outcome).or_default().merge(latencies);
        }
        self.first_byte.merge(&other.first_byte);
        self.lag.merge(&other.lag);
        self.retry_after.merge(&other.retry_after);
        self.least_remaining = least(self.least_remaining, other.least_remaining);
        self.bytes += other.bytes;
        self.timeline.merge(&other.timeline);
        for (problem, calls) in &other.problems {
            self.count_problem(problem, *calls);
        }
        self.stopped |= other.stopped;
        self.processes += other.processes;
    }

    /// Records a call of the figures.
    pub(crate) fn record(&mut self, reply: &Reply, latency: Duration) {
        let outcome = reply.outcome;
        self.counts.add(outcome, 1);
        self.latencies.entry(outcome).or_default().record(latency);
        if let Some(time) = reply.retry_after {
            self.retry_after.record(time);
        }
        self.least_remaining = least(self.least_remaining, reply.remaining);
        self.bytes += reply.bytes;
        if let Some(problem) = &reply.problem {
            self.count_problem(problem, 1);
        }
    }

    fn count_problem(&mut self, problem: &str, calls: u64) {
        let known = self.problems.contains_key(problem) || self.problems.len() < PROBLEMS;
        let problem = if known { problem } else { "other problems" };
        *self.problems.entry(problem.to_owned()).or_default() += calls;
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per_second(calls: u64, time: Duration) -> f64 {
    if time.is_zero() {
        0.0
    } else {
        calls as f64 / time.as_secs_f64()
    }
}
