//! The scenario of a run.

use std::{panic, thread, time::Duration};

use tollgate::Limit;

use super::{
    allowance::Allowance, demand::Demand, driver, event::Event, mode::Mode, report::Report,
    workers::Workers,
};

/// Processes, their load, and their disturbances. The [module](super) lists the defaults.
#[derive(Clone, Debug)]
#[must_use = "a scenario does nothing until it is run"]
pub struct Scenario {
    pub(super) workers: Workers,
    pub(super) processes: usize,
    pub(super) tasks: usize,
    /// The distances. Process `i` has the one at `i` modulo their number. Never empty.
    pub(super) distances: Vec<Duration>,
    /// The limits. Empty for the default.
    pub(super) limits: Vec<Limit>,
    pub(super) cost: u64,
    pub(super) demand: Demand,
    pub(super) mode: Mode,
    pub(super) parent: bool,
    pub(super) deadline: Option<Duration>,
    pub(super) time: Duration,
    pub(super) seed: u64,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) allowance: Option<Allowance>,
}

impl Scenario {
    /// Returns a scenario of two processes with one task each, which make plain acquires from a
    /// bucket of 1000 tokens per second.
    pub fn new(workers: Workers) -> Self {
        Self {
            workers,
            processes: 2,
            tasks: 1,
            distances: vec![Duration::ZERO],
            limits: Vec::new(),
            cost: 1,
            demand: Demand::closed(),
            mode: Mode::Plain,
            parent: false,
            deadline: None,
            time: Duration::from_secs(2),
            seed: 0,
            events: Vec::new(),
            allowance: None,
        }
    }

    /// Sets the number of processes.
    pub fn processes(mut self, processes: usize) -> Self {
        self.processes = processes.max(1);
        self
    }

    /// Sets the number of tasks of each process, for a [closed](Demand::Closed) demand.
    pub fn tasks(mut self, tasks: usize) -> Self {
        self.tasks = tasks.max(1);
        self
    }

    /// Sets the distance of every process: each request takes `round_trip` longer, half of it on
    /// each way.
    pub fn distance(self, round_trip: Duration) -> Self {
        self.distances([round_trip])
    }

    /// Sets the [`distance`](Self::distance) of each process. More processes than distances use
    /// them in turn.
    pub fn distances(mut self, round_trips: impl IntoIterator<Item = Duration>) -> Self {
        self.distances = round_trips.into_iter().collect();
        if self.distances.is_empty() {
            self.distances.push(Duration::ZERO);
        }
        self
    }

    /// Adds a limit. A request has the same cost for every limit.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Sets the tokens that each request asks for.
    pub fn cost(mut self, tokens: u64) -> Self {
        self.cost = tokens;
        self
    }

    /// Sets the requests that are made.
    pub fn demand(mut self, demand: Demand) -> Self {
        self.demand = demand;
        self
    }

    /// Sets the way in which workers make requests.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Adds a parent of the entity, which is charged too.
    pub fn parent(mut self) -> Self {
        self.parent = true;
        self
    }

    /// Sets the deadline of an acquire.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the time in which requests are made.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the seed of all random choices. The interleaving of the processes stays random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds an event, `at` after the beginning.
    pub fn event(mut self, at: Duration, event: Event) -> Self {
        self.events.push((at, event));
        self
    }

    /// Sets the widening of the rule's intervals.
    pub fn allow(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// Runs the scenario in real time and checks the results.
    ///
    /// # Panics
    ///
    /// If a worker cannot be started, or ends early.
    pub fn run(self) -> Report {
        // A thread of its own, because the caller may be inside a runtime, which must not wait for
        // another runtime.
        let run = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime
                .unwrap_or_else(|error| panic!("cannot start the driver's runtime: {error}"));
            runtime.block_on(driver::run(&self))
        });
        run.join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    pub(super) fn distance_of(&self, process: usize) -> Duration {
        self.distances[process % self.distances.len()]
    }

    pub(super) fn limits_or_default(&self) -> Vec<Limit> {
        if self.limits.is_empty() {
            vec![Limit::per_second("tokens", 1000)]
        } else {
            self.limits.clone()
        }
    }

    pub(super) fn deadline_or_default(&self) -> Duration {
        let farthest = self.distances.iter().max().copied().unwrap_or_default();
        self.deadline
            .unwrap_or_else(|| (farthest * 4).max(Duration::from_millis(250)))
    }

    pub(super) fn allowance_or_default(&self) -> Allowance {
        self.allowance.unwrap_or_else(|| Allowance::of(self))
    }
}
