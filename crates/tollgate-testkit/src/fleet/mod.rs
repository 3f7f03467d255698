//! Simulates thousands of processes in one process, on a virtual clock.
//!
//! A [`Fleet`] runs many real limiters, one per simulated process, on one store. The store is some
//! milliseconds away, allows a given number of writes per second for each item, and may lose
//! answers. Only the way to the store, the clocks and the callers are simulated. Time jumps from
//! timer to timer, so a minute of 16 processes takes about a second, and the same seed gives the
//! same run.
//!
//! The charges in the store are compared with a perfect bucket, to the millitoken.
//!
//! ```
//! use std::time::Duration;
//! use tollgate::Limit;
//! use tollgate_testkit::fleet::{Fleet, Load};
//!
//! let outcome = Fleet::new(4)
//!     .limit(Limit::per_second("tokens", 50))
//!     .load(Load::open(100.0))
//!     .measure(Duration::from_secs(5))
//!     .run();
//! assert_eq!(outcome.over_admitted, 0);
//! assert!(outcome.utilisation > 0.9);
//! ```

mod account;
mod clock;
mod latency;
mod load;
mod outcome;
mod simulation;
mod store;
mod throttle;

use std::{fmt, sync::Arc, time::Duration};

use tollgate::{
    Limit,
    limiter::{Acquire, RateLimiterBuilder},
    model::Split,
};

pub use self::{
    latency::Latency,
    load::Load,
    outcome::{Outcome, ProcessOutcome, Times},
};
use self::{simulation::Simulation, store::Manners};

/// A fleet of processes to simulate.
#[derive(Clone)]
#[must_use = "a fleet does nothing until it runs"]
pub struct Fleet {
    processes: usize,
    seed: u64,
    limit: Limit,
    load: Load,
    /// The latencies; the processes use them in turn.
    latencies: Vec<Latency>,
    manners: Manners,
    skew: Duration,
    shards: u32,
    warm_up: Duration,
    measure: Duration,
    settings: Arc<dyn Fn(RateLimiterBuilder) -> RateLimiterBuilder + Send + Sync>,
    request: Arc<dyn Fn(Acquire) -> Acquire + Send + Sync>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            processes,
            seed,
            limit,
            load,
            latencies,
            manners,
            skew,
            shards,
            warm_up,
            measure,
            ..
        } = self;
        f.debug_struct("Fleet")
            .field("processes", processes)
            .field("seed", seed)
            .field("limit", limit)
            .field("load", load)
            .field("latencies", latencies)
            .field("manners", manners)
            .field("skew", skew)
            .field("shards", shards)
            .field("warm_up", warm_up)
            .field("measure", measure)
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// Returns a fleet of `processes` processes that share one key with 1000 tokens per second,
    /// with a load of 2000 requests per second.
    pub fn new(processes: usize) -> Self {
        Self {
            processes: processes.max(1),
            seed: 0,
            limit: Limit::per_second("tokens", 1000),
            load: Load::open(2000.0),
            latencies: vec![Latency::default()],
            manners: Manners {
                item_writes: 1000.0,
                loss: 0.0,
            },
            skew: Duration::ZERO,
            shards: 1,
            warm_up: Duration::from_secs(3),
            measure: Duration::from_secs(10),
            settings: Arc::new(|builder| builder),
            request: Arc::new(|acquire| acquire),
        }
    }

    /// Sets the seed of all random choices. The same seed gives the same outcome. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the limit of every bucket. Default: 1000 tokens per second.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the load. Default: 2000 requests per second for one key.
    pub fn load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// Sets the latency of the store. Default: [`Latency::default`].
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latencies = vec![latency];
        self
    }

    /// Sets the latencies of the store, which the processes use in turn. Does nothing if there are
    /// none.
    pub fn latencies(mut self, latencies: impl IntoIterator<Item = Latency>) -> Self {
        let latencies: Vec<_> = latencies.into_iter().collect();
        if !latencies.is_empty() {
            self.latencies = latencies;
        }
        self
    }

    /// Sets the write units per second that one item takes before it throttles. An item takes three
    /// times as many reads. Default: 1000.
    pub fn item_writes(mut self, per_second: f64) -> Self {
        self.manners.item_writes = per_second;
        self
    }

    /// Sets the share of writes without an answer. Half of these writes are done. Default: 0.
    pub fn loss(mut self, share: f64) -> Self {
        self.manners.loss = share;
        self
    }

    /// Sets the maximum difference of each process's clock from the true time, ahead or behind.
    /// Default: 0.
    pub fn skew(mut self, most: Duration) -> Self {
        self.skew = most;
        self
    }

    /// Sets the number of shards of every bucket at the beginning: 1, 2, 4 … 32. Default: 1.
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards.clamp(1, Split::MOST_SHARDS).next_power_of_two();
        self
    }

    /// Sets the time before the measurement, in which full buckets are emptied. Default: 3 s.
    pub fn warm_up(mut self, time: Duration) -> Self {
        self.warm_up = time;
        self
    }

    /// Sets the time of the measurement. Default: 10 s.
    pub fn measure(mut self, time: Duration) -> Self {
        self.measure = time;
        self
    }

    /// Changes the settings of every limiter.
    pub fn settings(
        mut self,
        change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder + Send + Sync + 'static,
    ) -> Self {
        self.settings = Arc::new(change);
        self
    }

    /// Changes every request.
    pub fn requests(mut self, change: impl Fn(Acquire) -> Acquire + Send + Sync + 'static) -> Self {
        self.request = Arc::new(change);
        self
    }

    /// Runs the simulation on a thread and a runtime of its own.
    ///
    /// # Panics
    /// If the runtime cannot be built.
    pub fn run(&self) -> Outcome {
        let run = || Simulation::run(self);
        match std::thread::scope(|scope| scope.spawn(run).join()) {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
