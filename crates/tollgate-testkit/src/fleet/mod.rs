//! Thousands of processes in one, on a clock that does not wait.
//!
//! A [`Fleet`] runs many limiters, each as a process of its own would have it, over one store that is some
//! milliseconds away, takes a given number of writes per second for each item, and may lose answers. Nothing of the
//! limiter is simulated: only the store's way, the clocks and the callers are. Time runs from timer to timer,
//! so a minute of 16 processes takes a second or so, and the same seed gives the same run.
//!
//! What the store was charged is held against a perfect bucket, to the millitoken.
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
    limiter::{Acquire, Builder},
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
    /// Of the processes in turn.
    latencies: Vec<Latency>,
    manners: Manners,
    skew: Duration,
    shards: u32,
    warm_up: Duration,
    measure: Duration,
    settings: Arc<dyn Fn(Builder) -> Builder + Send + Sync>,
    request: Arc<dyn Fn(Acquire) -> Acquire + Send + Sync>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, seed, limit, load, latencies, manners, skew, shards, warm_up, measure, .. } = self;
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
    /// So many processes that share one key with 1000 tokens per second, and are asked for 2000.
    pub fn new(processes: usize) -> Self {
        Self {
            processes: processes.max(1),
            seed: 0,
            limit: Limit::per_second("tokens", 1000),
            load: Load::open(2000.0),
            latencies: vec![Latency::default()],
            manners: Manners { item_writes: 1000.0, loss: 0.0 },
            skew: Duration::ZERO,
            shards: 1,
            warm_up: Duration::from_secs(3),
            measure: Duration::from_secs(10),
            settings: Arc::new(|builder| builder),
            request: Arc::new(|acquire| acquire),
        }
    }

    /// Where chance begins: the same seed gives the same outcome. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The limit of every bucket. Default: 1000 tokens per second.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Sets the load. Default: 2000 requests per second for one key.
    pub fn load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// How long the store takes. Default: [`Latency::default`].
    pub fn latency(mut self, latency: Latency) -> Self {
        self.latencies = vec![latency];
        self
    }

    /// How long the store takes for each process: the processes have the `latencies` in turn. Without any it changes
    /// nothing.
    pub fn latencies(mut self, latencies: impl IntoIterator<Item = Latency>) -> Self {
        let latencies: Vec<_> = latencies.into_iter().collect();
        if !latencies.is_empty() {
            self.latencies = latencies;
        }
        self
    }

    /// Write units per second that one item takes, before it throttles; and three times as many reads.
    /// Default: 1000.
    pub fn item_writes(mut self, per_second: f64) -> Self {
        self.manners.item_writes = per_second;
        self
    }

    /// The share of writes that get no answer, half of which are done. Default: none.
    pub fn loss(mut self, share: f64) -> Self {
        self.manners.loss = share;
        self
    }

    /// How far each process's clock may be from the true time, either way. Default: not at all.
    pub fn skew(mut self, most: Duration) -> Self {
        self.skew = most;
        self
    }

    /// How many shards every bucket has from the beginning: 1, 2, 4 … 32. Default: 1.
    pub fn shards(mut self, shards: u32) -> Self {
        self.shards = shards.clamp(1, Split::MOST_SHARDS).next_power_of_two();
        self
    }

    /// How long it runs before anything counts: full buckets empty in that time. Default: 3 s.
    pub fn warm_up(mut self, time: Duration) -> Self {
        self.warm_up = time;
        self
    }

    /// How long it is measured. Default: 10 s.
    pub fn measure(mut self, time: Duration) -> Self {
        self.measure = time;
        self
    }

    /// Changes the settings of every limiter.
    pub fn settings(mut self, change: impl Fn(Builder) -> Builder + Send + Sync + 'static) -> Self {
        self.settings = Arc::new(change);
        self
    }

    /// Changes every request.
    pub fn requests(mut self, change: impl Fn(Acquire) -> Acquire + Send + Sync + 'static) -> Self {
        self.request = Arc::new(change);
        self
    }

    /// Runs it, on a thread and a runtime of its own.
    ///
    /// # Panics
    /// Where the runtime cannot be built.
    pub fn run(&self) -> Outcome {
        let run = || Simulation::run(self);
        match std::thread::scope(|scope| scope.spawn(run).join()) {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
