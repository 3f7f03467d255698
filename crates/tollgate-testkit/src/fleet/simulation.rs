//! One run of the simulation.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};
use tollgate::{
    Error, RateLimiter,
    clock::Clock,
    limiter::Acquire,
    model::{BucketKey, Parameters},
};

use super::{
    Fleet, Outcome, ProcessOutcome, Times,
    account::Account,
    clock::VirtualClock,
    load::{Arrivals, Zipf},
    store::{DistantStore, SimulatedStore},
};

const RESOURCE: &str = "api";

/// The refill, as a time, that may be granted above the capacity, once, if several processes spend.
const MOST_SLACK: Duration = Duration::from_millis(250);

/// The number of buckets that each process remembers. Less than the default, because there are many
/// processes.
const REMEMBERED: usize = 1000;

/// A run and its observations.
#[derive(Debug)]
pub(super) struct Simulation {
    fleet: Fleet,
    clock: VirtualClock,
    store: Arc<SimulatedStore>,
    limiters: Vec<RateLimiter>,
    zipf: Zipf,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    outcome: Outcome,
    /// The millitokens granted to callers since the beginning.
    granted: i64,
    /// The number of requests for each key in the measured time.
    asked: Vec<u64>,
    /// The millitokens of the requests that have started, for each key, since the beginning.
    starts: Vec<Account>,
    grants: Vec<Duration>,
    denials: Vec<Duration>,
}

/// The result of one request.
enum Answer {
    Granted,
    /// Denied, with the time to wait.
    Denied(Option<Duration>),
    Unavailable,
}

impl Simulation {
    pub(super) fn run(fleet: &Fleet) -> Outcome {
        // Limiters draw random write ids and pauses from the thread's generator.
        fastrand::seed(fleet.seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        runtime.block_on(async {
            let simulation = Arc::new(Self::new(fleet.clone()));
            simulation.split().await;
            match fleet.load.arrivals {
                Arrivals::Open(per_second) => simulation.open(per_second).await,
                Arrivals::Closed(tasks) => simulation.closed(tasks).await,
            }
            for limiter in &simulation.limiters {
                limiter.shutdown().await;
            }
            simulation.conclude()
        })
    }

    fn new(fleet: Fleet) -> Self {
        let clock = VirtualClock::start();
        let window = (fleet.warm_up, fleet.warm_up + fleet.measure);
        let store = Arc::new(SimulatedStore::new(
            clock,
            fleet.seed.wrapping_add(1),
            fleet.manners,
            window,
        ));
        let mut random = fastrand::Rng::with_seed(fleet.seed.wrapping_add(2));
        let skew = i64::try_from(fleet.skew.as_millis()).unwrap_or(0);
        let limiters = (0..fleet.processes).map(|process| {
            let clock = clock.skewed(random.i64(-skew..=skew));
            // The settings of a table without Python clients.
            let builder = RateLimiter::builder()
                .clock(clock)
                .remembered_buckets(REMEMBERED)
                .mixed_fleet(false);
            let builder = (fleet.settings)(builder);
            let latency = fleet.latencies[process % fleet.latencies.len()];
            let store = DistantStore {
                store: store.clone(),
                latency,
            };
            builder
                .build_shared(Arc::new(store))
                .unwrap_or_else(|error| panic!("no limiter: {error}"))
        });
        let limiters = limiters.collect();
        let zipf = Zipf::new(&fleet.load);
        let of_processes = vec![ProcessOutcome::default(); fleet.processes];
        let outcome = Outcome {
            of_processes,
            ..Outcome::default()
        };
        let starts = (0..fleet.load.keys).map(|_| Account::default()).collect();
        let tally = Mutex::new(Tally {
            asked: vec![0; fleet.load.keys],
            starts,
            outcome,
            ..Tally::default()
        });
        Self {
            fleet,
            clock,
            store,
            limiters,
            zipf,
            tally,
        }
    }

    /// Gives the buckets their initial shards.
    async fn split(&self) {
        for key in (0..self.fleet.load.keys).filter(|_| self.fleet.shards > 1) {
            // A request that asks for 0 tokens creates the bucket.
            if let Ok(lease) = self.request(0, key).cost(self.fleet.limit.name(), 0).await {
                let bucket = BucketKey::new(lease.entity().clone(), lease.resource().clone());
                self.store.split_into(&bucket, self.fleet.shards);
            }
        }
    }

    /// Returns the end of the simulation.
    fn end(&self) -> Duration {
        self.fleet.warm_up + self.fleet.measure
    }

    /// Makes requests at random times, without waiting for the answers to earlier ones.
    async fn open(self: &Arc<Self>, per_second: f64) {
        let mut random = fastrand::Rng::with_seed(self.fleet.seed.wrapping_add(3));
        let mut next = 0.0;
        loop {
            next -= (1.0 - random.f64()).ln() / per_second;
            let next = Duration::from_secs_f64(next);
            if next >= self.end() {
                break;
            }
            sleep_until(self.clock.at(next)).await;
            let (process, key) = (
                random.usize(0..self.limiters.len()),
                self.zipf.draw(&mut random),
            );
            let simulation = self.clone();
            tokio::spawn(async move { simulation.ask(process, key).await });
        }
        sleep_until(self.clock.at(self.end())).await;
        // Waits for the last answers.
        sleep(Duration::from_secs(1)).await;
    }

    /// Runs tasks that make one request after another.
    async fn closed(self: &Arc<Self>, tasks: usize) {
        let all = self.limiters.len() * tasks;
        self.tally().outcome.of_tasks = vec![0; all];
        let running: Vec<_> = (0..all)
            .map(|task| {
                let simulation = self.clone();
                tokio::spawn(async move { simulation.keep_asking(task, task / tasks).await })
            })
            .collect();
        for task in running {
            if let Err(error) = task.await {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    async fn keep_asking(&self, task: usize, process: usize) {
        let seed = self
            .fleet
            .seed
            .wrapping_add(4)
            .wrapping_add((task as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut random = fastrand::Rng::with_seed(seed);
        while self.clock.elapsed() < self.end() {
            let counted = self.is_counted();
            match self.ask(process, self.zipf.draw(&mut random)).await {
                Answer::Granted => self.tally().outcome.of_tasks[task] += u64::from(counted),
                // The runtime's timers have a resolution of 1 ms, so the shortest wait is 1 ms.
                Answer::Denied(wait) => {
                    sleep(wait.unwrap_or_default().max(Duration::from_millis(1))).await
                }
                Answer::Unavailable => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    async fn ask(&self, process: usize, key: usize) -> Answer {
        let counted = self.is_counted();
        let begun = Instant::now();
        let result = self.request(process, key).await;
        let took = begun.elapsed();
        let mut tally = self.tally();
        if counted {
            tally.outcome.requests += 1;
            tally.outcome.of_processes[process].requests += 1;
            tally.asked[key] += 1;
        }
        match result {
            Ok(lease) => {
                lease.commit();
                let millitokens = i64::try_from(self.fleet.load.cost)
                    .unwrap_or(i64::MAX)
                    .saturating_mul(1000);
                tally.granted += millitokens;
                tally.starts[key].charge(self.clock.now(), self.clock.now(), millitokens);
                if counted {
                    tally.outcome.granted += 1;
                    tally.outcome.of_processes[process].granted += 1;
                    tally.grants.push(took);
                }
                Answer::Granted
            }
            Err(Error::Denied(denied)) => {
                if counted {
                    tally.outcome.denied += 1;
                    tally.denials.push(took);
                }
                Answer::Denied(denied.retry_after())
            }
            Err(_) => {
                tally.outcome.unavailable += u64::from(counted);
                Answer::Unavailable
            }
        }
    }

    fn request(&self, process: usize, key: usize) -> Acquire {
        let Fleet { limit, load, .. } = &self.fleet;
        let entity = format!("user-{key}");
        let acquire = self.limiters[process]
            .acquire(entity, RESOURCE)
            .limits(limit.clone());
        (self.fleet.request)(acquire.cost(limit.name(), load.cost).without_parent())
    }

    fn is_counted(&self) -> bool {
        (self.fleet.warm_up..self.end()).contains(&self.clock.elapsed())
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn conclude(&self) -> Outcome {
        let tally = std::mem::take(&mut *self.tally());
        let parameters = Parameters::from(&self.fleet.limit);
        let slack = if self.fleet.processes > 1 {
            MOST_SLACK
        } else {
            Duration::ZERO
        };
        let (from, to) = self.window();
        let counts = self.store.counts();
        let net: i64 = self
            .store
            .accounts(|_, account| account.net())
            .into_iter()
            .sum();
        let taken: i64 = self
            .store
            .accounts(|_, account| account.taken_between(from, to))
            .into_iter()
            .sum();
        let tokens = taken as f64 / 1000.0;
        let widening = self
            .worst(|_, account| account.widening())
            .unwrap_or_default();
        let over = |account: &Account, slack| match self.fleet.limit.renewal() {
            Some(renewal) => account.over_quota(parameters.capacity(), renewal),
            None => account.over_admitted(parameters, slack),
        };
        let started = tally.starts.iter();
        let started = started.map(|starts| over(starts, slack + widening));
        Outcome {
            processes: self.fleet.processes,
            time: self.fleet.measure,
            tokens,
            utilisation: tokens / self.possible(&tally.asked),
            over_admitted: self.worst(|_, account| over(account, slack)).unwrap_or(0),
            unpaid: (tally.granted - net).max(0),
            over_started: started.max().unwrap_or(0),
            widening,
            writes: counts.applied,
            lost_races: counts.refused,
            throttled: counts.throttled,
            reads: counts.reads,
            splits: counts.splits,
            hottest: self.store.hottest(),
            grants: Times::of(tally.grants),
            denials: Times::of(tally.denials),
            ..tally.outcome
        }
    }

    fn worst<T: Ord>(
        &self,
        of: impl FnMut(&tollgate::model::BucketKey, &super::account::Account) -> T,
    ) -> Option<T> {
        self.store.accounts(of).into_iter().max()
    }

    /// Returns the start and the end of the measured time, epoch ms.
    fn window(&self) -> (i64, i64) {
        let start = self.clock.now() - i64::try_from(self.clock.elapsed().as_millis()).unwrap_or(0);
        let at = |time: Duration| start + i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        (at(self.fleet.warm_up), at(self.end()))
    }

    /// Returns the maximum number of tokens that could be granted in the measured time. Of a quota,
    /// that is its amount: one period.
    fn possible(&self, asked: &[u64]) -> f64 {
        let Fleet {
            limit,
            load,
            measure,
            ..
        } = &self.fleet;
        let refill = if limit.is_quota() {
            limit.capacity() as f64
        } else {
            limit.refill_amount() as f64 * measure.as_secs_f64()
                / limit.refill_period().as_secs_f64()
        };
        let possible: f64 = asked
            .iter()
            .map(|asked| (*asked as f64 * load.cost as f64).min(refill))
            .sum();
        possible.max(f64::MIN_POSITIVE)
    }
}
