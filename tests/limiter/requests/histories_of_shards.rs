//! Random histories of several limiters on a bucket that is being split. All shards together never
//! hold more than one perfect bucket that was charged the same. Without faults no token is lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use tollgate::{
    Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    model::{BucketKey, BucketState, Create, Split, Update, WriteId},
    store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

use super::fixture::{START, key};

const CAPACITY: i128 = 64;
const AMOUNT: i128 = 7;
const PERIOD: i128 = 900;
/// The refill of this many ms may be spent above the capacity, once.
const SLACK: i128 = 100;
/// The largest number of shards. Amounts are counted in millitokens · period · `MOST`, a unit that
/// never needs rounding.
const MOST: i128 = 32;

fn limit() -> Limit {
    Limit::new(
        "tokens",
        CAPACITY as u64,
        AMOUNT as u64,
        Duration::from_millis(PERIOD as u64),
    )
    .unwrap()
}

/// A memory store that checks after every write, and loses some writes.
#[derive(Debug)]
struct Checked {
    inner: MemoryStore,
    clock: ManualClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// Percentage of writes that fail in some way.
    trouble: u32,
    /// Level of one perfect bucket, and the time of that level.
    perfect: i128,
    at: i64,
    /// Millitokens that all shards have consumed.
    consumed: i128,
    splits: u32,
}

impl Checked {
    fn new(clock: ManualClock, rng: Rng, trouble: u32) -> Self {
        let full = CAPACITY * 1000 * PERIOD * MOST;
        let state = State {
            rng,
            trouble,
            perfect: full,
            at: clock.now(),
            consumed: 0,
            splits: 0,
        };
        Self {
            inner: MemoryStore::new(),
            clock,
            state: Mutex::new(state),
        }
    }

    fn shards(&self) -> Vec<BucketState> {
        let read = |shard| now(self.inner.read(&key("user", "api").with_shard(shard))).unwrap();
        (0..32).map_while(read).collect()
    }

    /// Returns the error with which this write fails, if any, and true if its answer arrives.
    fn fault(&self) -> (Option<StoreErrorKind>, bool) {
        let mut state = self.state.lock().unwrap();
        if state.rng.u32(0..100) >= state.trouble {
            return (None, true);
        }
        match state.rng.u32(0..4) {
            0 => (Some(StoreErrorKind::Busy), true),
            1 => (Some(StoreErrorKind::NotApplied), true),
            2 => (Some(StoreErrorKind::Unknown), true),
            _ => (None, false),
        }
    }

    async fn execute<T>(
        &self,
        write: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (fails, answered) = self.fault();
        tokio::task::yield_now().await;
        if let Some(kind) = fails {
            return Err(StoreError::new(kind, "trouble"));
        }
        let outcome = self.check(write);
        tokio::task::yield_now().await;
        if answered {
            outcome
        } else {
            Err(StoreError::new(
                StoreErrorKind::Unknown,
                "its answer is lost",
            ))
        }
    }

    /// Executes a write, and compares all shards with the perfect bucket.
    fn check<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let result = write();
        let (now, shards) = (self.clock.now(), self.shards());
        let consumed: i128 = shards
            .iter()
            .map(|shard| i128::from(shard.limits()[0].consumed))
            .sum();
        let full = CAPACITY * 1000 * PERIOD * MOST;
        state.perfect =
            (state.perfect + i128::from(now - state.at) * AMOUNT * 1000 * MOST).min(full);
        state.perfect -= (consumed - state.consumed) * PERIOD * MOST;
        state.perfect = state.perfect.min(full);
        (state.at, state.consumed) = (now, consumed);
        let held: i128 = shards.iter().map(|shard| held(shard, now)).sum();
        // The amount that several processes may spend above the capacity, once.
        let slack = SLACK * AMOUNT * 1000 * MOST;
        assert!(
            held <= state.perfect + slack,
            "minted: {held} of {} in {shards:?}",
            state.perfect
        );
        result
    }

    async fn split(&self) -> bool {
        let Some(first) = self.shards().into_iter().next() else {
            return false;
        };
        let count = first.shard_count;
        if count > 8 {
            return false;
        }
        let split = Split::new(
            WriteId::from_number(u64::from(count)),
            self.clock.now(),
            count,
        );
        let tokens = || {
            self.shards()
                .iter()
                .map(|shard| i128::from(shard.limits()[0].level.tokens))
                .sum::<i128>()
        };
        let before = tokens();
        let done = self
            .check(|| now(self.inner.split(&key("user", "api"), &split)))
            .unwrap();
        assert_eq!(tokens(), before, "a split keeps every millitoken");
        self.state.lock().unwrap().splits += u32::from(done);
        done
    }
}

/// Returns the level of a shard at `now`, in units.
fn held(shard: &BucketState, now: i64) -> i128 {
    let (limit, count) = (&shard.limits()[0], i128::from(shard.shard_count));
    let refill = i128::from(shard.age(now)) * AMOUNT * 1000 + i128::from(limit.level.remainder);
    let units = i128::from(limit.level.tokens) * PERIOD * count + refill;
    units.min(i128::from(limit.rule_at(0).capacity()) * PERIOD * count) * (MOST / count)
}

impl Store for Checked {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(move || now(self.inner.update(bucket, update))))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.execute(move || now(self.inner.create(bucket, create))))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(move || now(self.inner.transact(updates))))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(self.execute(move || now(self.inner.split(bucket, split))))
    }
}

/// Returns the result of a future of the memory store, which is ready at the first poll.
fn now<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

async fn history(seed: u64, trouble: u32) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let clock = ManualClock::at(START);
    let store = Arc::new(Checked::new(clock.clone(), rng.fork(), trouble));
    let limiters: Vec<RateLimiter> = (0..3)
        .map(|_| {
            let settings = RateLimiter::builder()
                .clock(clock.clone())
                .flush_after(Duration::from_millis(5));
            let settings = settings.deny_from_memory(Duration::from_millis(rng.u64(0..2) * 1000));
            settings.build_shared(store.clone()).unwrap()
        })
        .collect();
    let mut held: Vec<Lease> = Vec::new();
    for _ in 0..40 {
        match rng.u32(0..10) {
            0..=4 => {
                let mut asks = Vec::new();
                for _ in 0..rng.usize(1..6) {
                    let cost = if rng.u32(0..6) == 0 {
                        rng.u64(20..64)
                    } else {
                        rng.u64(0..12)
                    };
                    let acquire = limiters[rng.usize(0..3)]
                        .acquire("user", "api")
                        .limits(limit())
                        .cost("tokens", cost);
                    let patience = (rng.u32(0..6) == 0).then(|| rng.usize(0..8));
                    asks.push(tokio::spawn(async move {
                        let Some(turns) = patience else {
                            return acquire.await.ok();
                        };
                        let mut acquire = std::pin::pin!(acquire.into_future());
                        for _ in 0..turns {
                            if let std::task::Poll::Ready(result) =
                                poll_once(acquire.as_mut()).await
                            {
                                return result.ok();
                            }
                            tokio::task::yield_now().await;
                        }
                        None
                    }));
                }
                for ask in asks {
                    held.extend(ask.await.unwrap());
                }
            }
            5 | 6 if !held.is_empty() => {
                let mut lease = held.swap_remove(rng.usize(0..held.len()));
                match rng.u32(0..4) {
                    0 => drop(lease.rollback()),
                    1 => drop(lease.commit()),
                    2 => drop(lease),
                    _ => {
                        lease.settle("tokens", rng.u64(0..15)).unwrap();
                        let _ = lease.consume("tokens", rng.u64(0..4)).await;
                        drop(lease.commit());
                    }
                }
            }
            7 => {
                store.split().await;
            }
            _ => {
                // The clock does not move while writes are in flight, so each write is executed at
                // the time that it carries.
                tokio::time::sleep(Duration::from_millis(50)).await;
                clock.advance(Duration::from_millis(rng.u64(0..1500)));
            }
        }
    }
    store.state.lock().unwrap().trouble = 0;
    drop(held);
    for limiter in &limiters {
        limiter.shutdown().await;
    }
    store.check(|| ());
    if trouble == 0 {
        assert_nothing_lost(&store).await;
    }
    store.state.lock().unwrap().splits
}

/// Fails if all shards together are not full after the time to fill.
async fn assert_nothing_lost(store: &Checked) {
    if store.shards().is_empty() {
        return;
    }
    let limiter = RateLimiter::builder()
        .clock(store.clock.clone())
        .build_shared(Arc::new(store.inner.clone()))
        .unwrap();
    let available = limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    let status = available.get("tokens").unwrap();
    store.clock.advance(status.reset_after);
    let full = limiter
        .available("user", "api")
        .limits(limit())
        .await
        .unwrap();
    assert_eq!(i128::from(full.get("tokens").unwrap().available), CAPACITY);
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", CAPACITY as u64)
        .await
        .unwrap()
        .commit();
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await
}

#[tokio::test(start_paused = true)]
async fn shards_without_faults_mint_nothing_and_lose_nothing() {
    let mut splits = 0;
    for seed in 0..60 {
        splits += history(seed, 0).await;
    }
    assert!(splits > 60, "{splits}");
}

#[tokio::test(start_paused = true)]
async fn shards_mint_nothing_if_writes_and_answers_are_lost() {
    let mut splits = 0;
    for seed in 1_000..1_120 {
        splits += history(seed, 25).await;
    }
    assert!(splits > 100, "{splits}");
}
