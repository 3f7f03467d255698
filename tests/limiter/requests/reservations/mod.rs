//! Waiting by reservation: a waiter takes its place in the bucket with one write, and starts at the
//! time that the refill rate gives.

mod cancelled;
mod changes;
mod distances;
mod dynamodb;
mod limits;
mod many_waiters;
mod order;
mod shards;
mod transactions;

use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use tollgate::{
    Error, Lease, Limit, RateLimiter, clock::Clock, limiter::Acquire, store::MemoryStore,
};

use super::{
    fixture::key,
    flaky_store::{FlakyStore, RuntimeClock},
};

const LONG: Duration = Duration::from_secs(3600);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// 10 tokens a second, at most 10 at once.
fn limit() -> Limit {
    Limit::per_second("tokens", 10)
}

fn ask(limiter: &RateLimiter, cost: u64) -> Acquire {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", cost)
}

/// One clock for several limiters.
#[derive(Clone, Debug)]
struct SharedClock(Arc<RuntimeClock>);

impl SharedClock {
    fn start() -> Self {
        Self(Arc::new(RuntimeClock::start()))
    }
}

impl Clock for SharedClock {
    fn now(&self) -> i64 {
        self.0.now()
    }
}

/// Returns limiters that decide in place, over one store.
fn in_memory(count: usize) -> Vec<RateLimiter> {
    let (store, clock) = (MemoryStore::new(), SharedClock::start());
    (0..count)
        .map(|_| {
            RateLimiter::builder()
                .clock(clock.clone())
                .build_memory(store.clone())
        })
        .collect()
}

/// Returns limiters with gates, over one store whose calls take `takes`.
fn gated(count: usize, takes: Duration) -> (Vec<RateLimiter>, Arc<FlakyStore>) {
    let (store, clock) = (Arc::new(FlakyStore::default()), SharedClock::start());
    store.take(takes);
    let builder = || {
        RateLimiter::builder()
            .clock(clock.clone())
            .flush_after(Duration::ZERO)
            .mixed_fleet(false)
    };
    (
        (0..count)
            .map(|_| builder().build_shared(store.clone()).unwrap())
            .collect(),
        store,
    )
}

/// Returns one limiter in memory and one with gates.
fn both() -> [RateLimiter; 2] {
    [in_memory(1).remove(0), gated(1, Duration::ZERO).0.remove(0)]
}

/// Lets all tasks run as far as they can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Returns the wait that a denial states, in ms.
fn stated_wait(result: Result<Lease, Error>) -> u64 {
    let error = result.unwrap_err();
    let wait = error
        .denied()
        .unwrap_or_else(|| panic!("{error:?}"))
        .retry_after()
        .unwrap();
    u64::try_from(wait.as_millis()).unwrap()
}

/// Returns the level of the stored bucket at `now`, in millitokens.
async fn level(store: &MemoryStore, entity: &str, now: i64) -> i64 {
    use tollgate::store::Store;
    let state = store
        .read(&key(entity, "api"))
        .await
        .unwrap()
        .expect("there is a bucket");
    let limit = &state.limits()[0];
    limit
        .rule_at(now)
        .refill(limit.level, now - state.refilled_at)
        .tokens
}

/// The requests that started, with their times.
#[derive(Clone)]
struct Starts {
    origin: Instant,
    all: Arc<Mutex<Vec<Start>>>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    number: usize,
    cost: u64,
    /// Time since the origin, ms.
    at: u64,
}

impl Starts {
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            all: Arc::default(),
        }
    }

    /// Spawns a request and records when it starts.
    fn wait(&self, number: usize, cost: u64, acquire: Acquire) -> JoinHandle<Result<(), Error>> {
        let starts = self.clone();
        tokio::spawn(async move {
            acquire.into_future().await?.commit();
            let at = u64::try_from(starts.origin.elapsed().as_millis()).unwrap();
            starts.all.lock().unwrap().push(Start { number, cost, at });
            Ok(())
        })
    }

    /// Returns the starts in the order in which they happened.
    fn all(&self) -> Vec<Start> {
        self.all.lock().unwrap().clone()
    }

    fn numbers(&self) -> Vec<usize> {
        self.all().iter().map(|start| start.number).collect()
    }

    fn last(&self) -> u64 {
        self.all().iter().map(|start| start.at).max().unwrap()
    }

    /// Asserts that a perfect bucket grants every start. Its capacity is `capacity` and the refill
    /// of `slack` ms.
    fn assert_perfect(&self, capacity: u64, per_second: u64, slack: u64) {
        let full = i128::from(capacity * 1000 + per_second * slack);
        let (mut level, mut last) = (full, 0);
        for start in self.all() {
            level = (level + i128::from(per_second * (start.at - last))).min(full);
            level -= i128::from(start.cost * 1000);
            last = start.at;
            assert!(
                level >= 0,
                "{start:?} is {} millitokens too early: {:?}",
                -level,
                self.all()
            );
        }
    }
}

async fn all(tasks: Vec<JoinHandle<Result<(), Error>>>) {
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
