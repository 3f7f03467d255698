//! The store that all processes share: a memory store with the latency, the throttling and the
//! failures of a table.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::sleep;
use tollgate::{
    clock::Clock,
    model::{BucketKey, BucketState, Create, Split, Update, WriteId},
    store::{MemoryStore, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

use super::{account::Account, clock::VirtualClock, latency::Latency, throttle::Throttle};

/// The number of consistent reads that one item takes for each write unit.
const READS_PER_WRITE: f64 = 3.0;

/// The settings of the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    /// Write units per second that one item takes.
    pub(super) item_writes: f64,
    /// The share of writes whose answer is lost. Half of these writes are done.
    pub(super) loss: f64,
}

/// The number of calls in the measured time, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) applied: u64,
    pub(super) refused: u64,
    pub(super) throttled: u64,
    pub(super) reads: u64,
    /// The number of times that the shards of a bucket were doubled.
    pub(super) splits: u64,
}

#[derive(Debug)]
pub(super) struct SimulatedStore {
    inner: MemoryStore,
    clock: VirtualClock,
    manners: Manners,
    /// The measured time: start and end.
    window: (Duration, Duration),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    items: HashMap<BucketKey, Item>,
    /// The accounts of buckets, under the key of the first shard.
    accounts: HashMap<BucketKey, Account>,
    counts: Counts,
}

#[derive(Debug)]
struct Item {
    writes: Throttle,
    reads: Throttle,
    /// The write units in the measured time.
    units: u64,
}

/// The fate of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// The call never arrives.
    Swallowed,
    /// The call is done, but its answer is lost.
    Unheard,
}

enum Write<'a> {
    Update(&'a Update),
    Create(&'a Create),
}

/// The write units of one action of a transaction.
const TRANSACTED: u32 = 2;

impl SimulatedStore {
    pub(super) fn new(
        clock: VirtualClock,
        seed: u64,
        manners: Manners,
        window: (Duration, Duration),
    ) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State {
            random,
            items: HashMap::new(),
            accounts: HashMap::new(),
            counts: Counts::default(),
        });
        Self {
            inner: MemoryStore::with_capacity(10_000_000),
            clock,
            manners,
            window,
            state,
        }
    }

    /// Splits a bucket immediately.
    pub(super) fn split_into(&self, key: &BucketKey, shards: u32) {
        let mut shard_count = 1;
        while shard_count < shards {
            let split = Split::new(WriteId::from_number(0), self.clock.now(), shard_count);
            let _ = at_once(self.inner.split(key, &split));
            shard_count *= 2;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Returns the write units of the most written item in the measured time.
    pub(super) fn hottest(&self) -> u64 {
        self.state()
            .items
            .values()
            .map(|item| item.units)
            .max()
            .unwrap_or(0)
    }

    /// Calls `tell` for the account of every bucket and returns the results.
    pub(super) fn accounts<T>(&self, mut tell: impl FnMut(&BucketKey, &Account) -> T) -> Vec<T> {
        self.state()
            .accounts
            .iter()
            .map(|(key, account)| tell(key, account))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, latency: Latency) -> (Duration, Duration, Fate) {
        let mut state = self.state();
        let (there, back) = latency.draw(&mut state.random);
        let fate = match state.random.f64() {
            lost if lost < self.manners.loss / 2.0 => Fate::Swallowed,
            lost if lost < self.manners.loss => Fate::Unheard,
            _ => Fate::Answered,
        };
        (there, back, fate)
    }

    /// Executes a call after the way to the store, and returns its answer after the way back,
    /// unless the answer is lost.
    async fn away<T>(
        &self,
        latency: Latency,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (there, back, fate) = self.draw(latency);
        sleep(there).await;
        let outcome = match fate {
            Fate::Swallowed => Err(StoreError::new(StoreErrorKind::Unknown, "lost on its way")),
            _ => work(),
        };
        sleep(back).await;
        match fate {
            Fate::Unheard => Err(StoreError::new(
                StoreErrorKind::Unknown,
                "the answer was lost",
            )),
            _ => outcome,
        }
    }

    fn execute(&self, key: &BucketKey, write: Write<'_>) -> Result<WriteOutcome, StoreError> {
        let mut state = self.state();
        let counted = self.pay([key].into_iter(), 1, &mut state)?;
        let (outcome, planned, consumed) = match write {
            Write::Update(update) => (
                at_once(self.inner.update(key, update))?,
                update.now,
                consumed(update),
            ),
            Write::Create(create) => {
                let consumed = create.limits().iter().map(|new| new.consumed).sum();
                (
                    at_once(self.inner.create(key, create))?,
                    create.now,
                    consumed,
                )
            }
        };
        match &outcome {
            WriteOutcome::Applied(_) => {
                state.counts.applied += counted;
                state
                    .account(key)
                    .charge(self.clock.now(), planned, consumed);
            }
            // A failed condition costs a write unit too.
            WriteOutcome::Refused(_) => state.counts.refused += counted,
        }
        Ok(outcome)
    }

    fn execute_all(&self, updates: &[(BucketKey, Update)]) -> Result<bool, StoreError> {
        let mut state = self.state();
        let counted = self.pay(updates.iter().map(|(key, _)| key), TRANSACTED, &mut state)?;
        let applied = at_once(self.inner.transact(updates))?;
        if applied {
            state.counts.applied += counted
        } else {
            state.counts.refused += counted
        }
        for (key, update) in updates.iter().filter(|_| applied) {
            state
                .account(key)
                .charge(self.clock.now(), update.now, consumed(update));
        }
        Ok(applied)
    }

    /// Executes a split. Nothing is charged, because the sum of the shards does not change.
    fn execute_split(&self, key: &BucketKey, split: &Split) -> Result<bool, StoreError> {
        let mut state = self.state();
        let shards: Vec<_> = (0..split.shard_count * 2)
            .map(|shard| key.clone().with_shard(shard))
            .collect();
        let counted = self.pay(shards.iter(), TRANSACTED, &mut state)?;
        let applied = at_once(self.inner.split(key, split))?;
        if applied {
            state.counts.applied += counted
        } else {
            state.counts.refused += counted
        }
        state.counts.splits += u64::from(applied);
        Ok(applied)
    }

    /// Takes `units` from every item. Returns their sum if the call is in the measured time, else
    /// 0.
    fn pay<'a>(
        &self,
        keys: impl Iterator<Item = &'a BucketKey> + Clone,
        units: u32,
        State { items, counts, .. }: &mut State,
    ) -> Result<u64, StoreError> {
        let now = self.clock.elapsed();
        let counted = (self.window.0..self.window.1).contains(&now);
        let mut admitted = true;
        for key in keys.clone() {
            let item = items
                .entry(key.clone())
                .or_insert_with(|| Item::new(self.manners.item_writes));
            admitted &= item.writes.admits(units, now);
        }
        if !admitted {
            counts.throttled += u64::from(counted);
            return Err(StoreError::new(
                StoreErrorKind::HotKey,
                "the item is written too often",
            ));
        }
        if !counted {
            return Ok(0);
        }
        let mut sum = 0;
        for key in keys {
            if let Some(item) = items.get_mut(key) {
                item.units += u64::from(units);
                sum += u64::from(units);
            }
        }
        Ok(sum)
    }

    async fn look(
        &self,
        latency: Latency,
        key: &BucketKey,
    ) -> Result<Option<BucketState>, StoreError> {
        let (there, back, _) = self.draw(latency);
        sleep(there).await;
        let now = self.clock.elapsed();
        let admitted = {
            let mut state = self.state();
            let State { items, counts, .. } = &mut *state;
            counts.reads += u64::from((self.window.0..self.window.1).contains(&now));
            let item = items
                .entry(key.clone())
                .or_insert_with(|| Item::new(self.manners.item_writes));
            item.reads.admits(1, now)
        };
        let outcome = if admitted {
            at_once(self.inner.read(key))
        } else {
            Err(StoreError::new(
                StoreErrorKind::HotKey,
                "the item is read too often",
            ))
        };
        sleep(back).await;
        outcome
    }
}

impl State {
    fn account(&mut self, key: &BucketKey) -> &mut Account {
        self.accounts.entry(key.clone().with_shard(0)).or_default()
    }
}

/// Returns the tokens that an update consumes. A bucket here has one limit.
fn consumed(update: &Update) -> i64 {
    let lines = update.lines().iter().map(|line| line.consumed);
    lines
        .chain(update.added().iter().map(|new| new.consumed))
        .sum()
}

impl Item {
    fn new(writes: f64) -> Self {
        let reads = Throttle::new(writes * READS_PER_WRITE);
        Self {
            writes: Throttle::new(writes),
            reads,
            units: 0,
        }
    }
}

/// Returns the answer of a store that is always ready.
fn at_once<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

/// The store as seen by one process.
#[derive(Debug)]
pub(super) struct DistantStore {
    pub(super) store: Arc<SimulatedStore>,
    pub(super) latency: Latency,
}

impl Store for DistantStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(self.store.look(self.latency, bucket))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.store.away(self.latency, || {
            self.store.execute(bucket, Write::Update(update))
        }))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(self.store.away(self.latency, || {
            self.store.execute(bucket, Write::Create(create))
        }))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(
            self.store
                .away(self.latency, || self.store.execute_all(updates)),
        )
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(
            self.store
                .away(self.latency, || self.store.execute_split(bucket, split)),
        )
    }
}
