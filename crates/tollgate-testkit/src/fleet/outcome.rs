//! The results of a simulated fleet.

use std::time::Duration;

/// The results of a simulation. Counts are those of the time that is measured, the warm-up left out, unless
/// they say otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The size of the fleet.
    pub processes: usize,
    /// The time that is measured.
    pub time: Duration,
    /// Requests.
    pub requests: u64,
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Requests that got neither: the store was too busy, too slow or lost their answer.
    pub unavailable: u64,
    /// Tokens that the store was charged.
    pub tokens: f64,
    /// Tokens, as a part of what could have been granted: of every bucket what was asked of it, or what it
    /// gains in that time, whichever is less.
    pub utilisation: f64,
    /// Millitokens that were granted beyond the rule since the beginning, of the bucket that has most of
    /// them. The rule is: over any interval at most the capacity, and the refill of the interval widened by
    /// [`widening`](Self::widening) and, if there are several processes, by the slack that they allow each other.
    pub over_admitted: i64,
    /// The same over the times at which granted requests started: requests that wait are charged before.
    pub over_started: i64,
    /// Millitokens that callers were granted, from the very beginning, and that no bucket was charged.
    pub unpaid: i64,
    /// How far apart the writes' times were from the store's: how long they were on their way, and how far
    /// the clocks were apart.
    pub widening: Duration,
    /// Write units of writes that were done: one each, and two for each item of a transaction.
    pub writes: u64,
    /// Write units of writes whose condition failed, counted alike.
    pub lost_races: u64,
    /// Writes that were refused because their item was written too often.
    pub throttled: u64,
    /// Reads.
    pub reads: u64,
    /// Times that a bucket was split, from the very beginning.
    pub splits: u64,
    /// Write units of the item that was written most.
    pub hottest: u64,
    /// How long requests took that were granted.
    pub grants: Times,
    /// How long requests took that were denied.
    pub denials: Times,
    /// Requests that were granted to each task of a closed load.
    pub of_tasks: Vec<u64>,
    /// The requests and grants of each process.
    pub of_processes: Vec<ProcessOutcome>,
}

/// The requests and answers of one process within the time that is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessOutcome {
    /// Requests.
    pub requests: u64,
    /// Requests that were granted.
    pub granted: u64,
}

impl Outcome {
    /// Requests granted per second.
    pub fn grant_rate(&self) -> f64 {
        self.per_second(self.granted)
    }

    /// Write units per second, all items together.
    pub fn write_units(&self) -> f64 {
        self.per_second(self.writes + self.lost_races)
    }

    /// Returns the share of conditional writes that failed.
    pub fn failed_writes(&self) -> f64 {
        self.lost_races as f64 / (self.writes + self.lost_races).max(1) as f64
    }

    /// A count, per second.
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }
}

/// How long requests took: exact to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 in a hundred took no longer.
    pub p99: Duration,
    /// None took longer.
    pub most: Duration,
}

impl Times {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
        let at = |part| at(part).copied().unwrap_or_default();
        Self { p50: at(50), p99: at(99), most: at(100) }
    }
}
