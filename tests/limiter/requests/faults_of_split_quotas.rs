//! Random histories of several limiters on a quota in several shards, with writes and answers that
//! are lost: no period grants more than its amount, whatever stops halfway.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use tollgate::{
    Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    model::{BucketKey, BucketState, Create, Renewal, Split, Update, WriteId},
    store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

use super::fixture::{START, key};

const AMOUNT: i64 = 48;

/// A memory store that loses some writes, and some answers.
#[derive(Debug)]
struct Lossy {
    inner: MemoryStore,
    rng: Mutex<Rng>,
    /// Percentage of writes that fail in some way.
    trouble: u32,
}

impl Lossy {
    fn new(rng: Rng, trouble: u32) -> Self {
        Self {
            inner: MemoryStore::new(),
            rng: Mutex::new(rng),
            trouble,
        }
    }

    async fn execute<'a, T>(
        &'a self,
        write: impl FnOnce() -> StoreFuture<'a, T>,
    ) -> Result<T, StoreError> {
        let fault = {
            let mut rng = self.rng.lock().unwrap();
            (rng.u32(0..100) < self.trouble).then(|| rng.u32(0..4))
        };
        tokio::task::yield_now().await;
        let lost = |kind| Err(StoreError::new(kind, "trouble"));
        match fault {
            Some(0) => return lost(StoreErrorKind::Busy),
            Some(1) => return lost(StoreErrorKind::NotApplied),
            Some(2) => return lost(StoreErrorKind::Unknown),
            _ => {}
        }
        let outcome = write().await;
        tokio::task::yield_now().await;
        if fault.is_some() {
            return lost(StoreErrorKind::Unknown);
        }
        outcome
    }

    /// Doubles the number of shards that the first shard states, as a Python client does.
    async fn grow(&self, count: u32, now: i64) -> bool {
        let mut update = Update::new(WriteId::from_number(now.unsigned_abs()), now);
        update.shard_count = Some(count);
        update.raises_to = Some(2 * count);
        let outcome = self.inner.update(&key("user", "api"), &update).await;
        matches!(outcome, Ok(WriteOutcome::Applied(_)))
    }
}

impl Store for Lossy {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(self.execute(move || self.inner.read(bucket)))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(move || self.inner.update(bucket, update)))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(move || self.inner.create(bucket, create)))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(move || self.inner.transact(updates)))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(move || self.inner.split(bucket, split)))
    }
}

/// Tokens by the end of their period.
type Sums = HashMap<i64, i64>;

struct History {
    store: Arc<Lossy>,
    clock: ManualClock,
    limit: Limit,
    limiters: Vec<RateLimiter>,
    held: Vec<(Lease, i64, i64)>,
    granted: Sums,
    given: Sums,
    shards: u32,
}

impl History {
    fn new(seed: u64, limit: Limit, trouble: u32) -> (Self, Rng) {
        let mut rng = Rng::with_seed(seed);
        let clock = ManualClock::at(START);
        let store = Arc::new(Lossy::new(rng.fork(), trouble));
        let limiters = (0..3).map(|_| {
            let settings = RateLimiter::builder()
                .clock(clock.clone())
                .flush_after(Duration::from_millis(5));
            let settings = settings.deny_from_memory(Duration::from_millis(rng.u64(0..2) * 1000));
            settings.build_shared(store.clone()).unwrap()
        });
        let history = Self {
            limiters: limiters.collect(),
            store,
            clock,
            limit,
            held: Vec::new(),
            granted: Sums::new(),
            given: Sums::new(),
            shards: 1,
        };
        (history, rng)
    }

    /// Returns the end of the period that a lease has charged.
    fn end(&self, lease: &Lease) -> i64 {
        let now = self.clock.now();
        match self.limit.renewal().unwrap() {
            Renewal::Calendar(calendar) => calendar.end_after(now),
            _ => now + i64::try_from(lease.statuses()[0].reset_after.as_millis()).unwrap(),
        }
    }

    async fn ask(&mut self, rng: &mut Rng) {
        let mut asks = Vec::new();
        for _ in 0..rng.usize(1..6) {
            let cost = if rng.u32(0..6) == 0 {
                rng.i64(14..48)
            } else {
                rng.i64(1..8)
            };
            let acquire = self.limiters[rng.usize(0..3)].acquire("user", "api");
            let acquire = acquire.limits(self.limit.clone());
            let acquire = acquire.cost("tokens", cost.unsigned_abs());
            let task = tokio::spawn(async move { acquire.await.ok() });
            asks.push((cost, task));
        }
        for (cost, task) in asks {
            if let Some(lease) = task.await.unwrap() {
                let end = self.end(&lease);
                *self.granted.entry(end).or_default() += cost;
                self.held.push((lease, cost, end));
            }
        }
    }

    async fn settle(&mut self, rng: &mut Rng) {
        let index = rng.usize(0..self.held.len());
        let (mut lease, cost, end) = self.held.swap_remove(index);
        let used = rng.i64(0..=cost);
        *self.given.entry(end).or_default() += cost - used;
        lease.settle("tokens", used.unsigned_abs()).unwrap();
        drop(lease.commit());
    }

    async fn more_shards(&mut self, rng: &mut Rng) {
        let now = self.clock.now();
        let first = self.store.inner.read(&key("user", "api")).await.unwrap();
        let Some(first) = first.filter(|first| first.shard_count < 8) else {
            return;
        };
        self.shards = first.shard_count;
        let split = Split::new(WriteId::from_number(9), now, self.shards);
        let bucket = key("user", "api");
        if rng.bool() || !self.store.inner.split(&bucket, &split).await.unwrap() {
            self.store.grow(self.shards, now).await;
        }
    }

    fn check(&self, what: &str) {
        for (end, granted) in &self.granted {
            let given = self.given.get(end).copied().unwrap_or(0);
            assert!(
                *granted <= AMOUNT + given,
                "{what}: {granted} of {AMOUNT} + {given} until {end}"
            );
        }
    }
}

/// Returns the number of tokens that were granted.
async fn history(seed: u64, limit: Limit, trouble: u32) -> i64 {
    let (mut history, mut rng) = History::new(seed, limit, trouble);
    for step in 0..50 {
        match rng.u32(0..10) {
            0..=4 => history.ask(&mut rng).await,
            5 | 6 if !history.held.is_empty() => history.settle(&mut rng).await,
            7 => history.more_shards(&mut rng).await,
            _ => {
                // The clock does not move while writes are in flight.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let longest = if rng.bool() { 9 * 3_600_000 } else { 600_000 };
                history
                    .clock
                    .advance(Duration::from_millis(rng.u64(0..longest)));
            }
        }
        history.check(&format!("seed {seed}, step {step}"));
    }
    for limiter in &history.limiters {
        limiter.shutdown().await;
    }
    history.granted.values().sum()
}

fn calendar() -> Limit {
    let quota = Limit::quota("tokens", AMOUNT.unsigned_abs());
    quota.calendar("0 */5 * * *", "Europe/Berlin").unwrap()
}

fn session() -> Limit {
    let quota = Limit::quota("tokens", AMOUNT.unsigned_abs());
    quota.session(Duration::from_secs(5 * 3600)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn shards_grant_no_period_twice_if_writes_and_answers_are_lost() {
    for trouble in [0, 25] {
        for limit in [calendar(), session()] {
            let mut granted = 0;
            for seed in 0..60 {
                granted += history(seed, limit.clone(), trouble).await;
            }
            assert!(granted > 60 * AMOUNT, "{trouble}: {granted}");
        }
    }
}
