//! The results of a simulated fleet.

use std::time::Duration;

/// The results of a simulation. Unless a field says otherwise, counts are of the measured time,
/// without the warm-up.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The size of the fleet.
    pub processes: usize,
    /// The measured time.
    pub time: Duration,
    /// The number of requests.
    pub requests: u64,
    /// The number of requests that were granted.
    pub granted: u64,
    /// The number of requests that were denied.
    pub denied: u64,
    /// The number of requests without a decision: the store was too busy, too slow, or lost their
    /// answer.
    pub unavailable: u64,
    /// The tokens that were charged in the store.
    pub tokens: f64,
    /// The tokens as a part of the maximum. For each bucket, the maximum is the requested amount or
    /// the refill in that time, whichever is less.
    pub utilisation: f64,
    /// The millitokens granted beyond the rule since the beginning, of the bucket with the most of
    /// them. The rule: over any interval, at most the capacity plus the refill of the interval,
    /// widened by [`widening`](Self::widening) and, with several processes, by the slack that they
    /// allow each other.
    pub over_admitted: i64,
    /// The same as `over_admitted`, by the times at which granted requests started. A request that
    /// waits is charged earlier.
    pub over_started: i64,
    /// The millitokens that were granted since the beginning but not charged to a bucket.
    pub unpaid: i64,
    /// The spread of the time from a write's own timestamp until it was done: transit times plus
    /// clock differences.
    pub widening: Duration,
    /// The write units of writes that were done: one each, and two for each item of a transaction.
    pub writes: u64,
    /// The write units of writes whose condition failed, counted in the same way.
    pub lost_races: u64,
    /// The number of writes that were throttled because their item was written too often.
    pub throttled: u64,
    /// The number of reads.
    pub reads: u64,
    /// The number of splits of buckets since the beginning.
    pub splits: u64,
    /// The write units of the item that was written most.
    pub hottest: u64,
    /// The latencies of granted requests.
    pub grants: Times,
    /// The latencies of denied requests.
    pub denials: Times,
    /// The number of granted requests of each task of a closed load.
    pub of_tasks: Vec<u64>,
    /// The requests and grants of each process.
    pub of_processes: Vec<ProcessOutcome>,
}

/// The requests and grants of one process in the measured time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessOutcome {
    /// The number of requests.
    pub requests: u64,
    /// The number of requests that were granted.
    pub granted: u64,
}

impl Outcome {
    /// Returns the number of granted requests per second.
    pub fn grant_rate(&self) -> f64 {
        self.per_second(self.granted)
    }

    /// Returns the write units per second, of all items together.
    pub fn write_units(&self) -> f64 {
        self.per_second(self.writes + self.lost_races)
    }

    /// Returns the share of conditional writes that failed.
    pub fn failed_writes(&self) -> f64 {
        self.lost_races as f64 / (self.writes + self.lost_races).max(1) as f64
    }

    /// Returns a count per second of the measured time.
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.time.as_secs_f64()
    }
}

/// Percentiles of latencies, exact to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    /// The maximum.
    pub most: Duration,
}

impl Times {
    pub(super) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at =
            |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
        let at = |part| at(part).copied().unwrap_or_default();
        Self {
            p50: at(50),
            p99: at(99),
            most: at(100),
        }
    }
}
