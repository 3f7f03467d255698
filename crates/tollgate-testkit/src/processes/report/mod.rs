//! The outcome of a scenario.

mod asserts;
mod bucket_report;
mod room;
mod text;
mod worker_report;

use std::time::Duration;

pub use self::{bucket_report::BucketReport, worker_report::WorkerReport};

use self::room::Room;
use super::{
    allowance::Allowance,
    log::Entry,
    scenario::Scenario,
    store::{Counts, Image, Write},
};

/// The outcome of a scenario: counts of each worker, and checks of each limit of each bucket.
///
/// `Display` prints it as tables.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The seed of the scenario.
    pub seed: u64,
    /// The time in which requests were made.
    pub time: Duration,
    /// The tokens that each request asked for.
    pub cost: u64,
    /// The widening of the rule's intervals.
    pub allowance: Allowance,
    /// The workers, in the order in which they were started. The replacement of a killed worker has
    /// the same process index.
    pub workers: Vec<WorkerReport>,
    /// The limits of the buckets.
    pub buckets: Vec<BucketReport>,
}

/// Everything that was recorded.
pub(super) struct Evidence {
    pub(super) worked: Vec<Worked>,
    pub(super) writes: Vec<Write>,
    /// The bucket items at the end, by partition key.
    pub(super) items: Vec<(String, Image)>,
}

/// Everything that was recorded about one worker.
pub(super) struct Worked {
    pub(super) process: usize,
    pub(super) killed: bool,
    pub(super) distance: Duration,
    pub(super) log: Vec<Entry>,
    pub(super) counts: Counts,
}

impl Report {
    pub(super) fn of(scenario: &Scenario, evidence: Evidence) -> Self {
        let cost = i64::try_from(scenario.cost).unwrap_or(i64::MAX);
        let buckets = BucketReport::all(scenario, &evidence);
        let room = Room::new(&evidence, cost);
        Self {
            seed: scenario.seed,
            time: scenario.time,
            cost: scenario.cost,
            allowance: scenario.allowance_or_default(),
            workers: evidence
                .worked
                .iter()
                .map(|worked| WorkerReport::of(worked, &room))
                .collect(),
            buckets,
        }
    }

    /// Returns the number of granted requests of all workers.
    pub fn granted(&self) -> u64 {
        self.workers.iter().map(|worker| worker.granted).sum()
    }

    /// Returns the number of denied requests of all workers.
    pub fn denied(&self) -> u64 {
        self.workers.iter().map(|worker| worker.denied).sum()
    }

    /// Returns the number of requests without a decision for this reason (`contended`, `deadline`,
    /// `store`, `breaker`, `shutdown`), of all workers.
    pub fn failed(&self, why: &str) -> u64 {
        self.workers
            .iter()
            .filter_map(|worker| worker.failed.get(why))
            .sum()
    }

    /// Returns the number of granted requests of each process, including its replacements.
    pub fn granted_of_processes(&self) -> Vec<u64> {
        let processes = self
            .workers
            .iter()
            .map(|worker| worker.process + 1)
            .max()
            .unwrap_or(0);
        let mut granted = vec![0; processes];
        self.workers
            .iter()
            .for_each(|worker| granted[worker.process] += worker.granted);
        granted
    }

    /// Returns the part of all writes whose condition failed.
    pub fn failed_writes(&self) -> f64 {
        let failed: u64 = self
            .workers
            .iter()
            .map(|worker| worker.failed_conditions)
            .sum();
        let writes: u64 = self.workers.iter().map(|worker| worker.writes).sum();
        failed as f64 / writes.max(1) as f64
    }
}
