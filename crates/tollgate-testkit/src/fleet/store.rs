//! The store that all processes share: a memory store that is as far away, as busy and as unreliable as a
//! table.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::sleep;
use tollgate::{
    clock::Clock,
    model::{BucketKey, BucketState, Create, Update},
    store::{MemoryStore, Outcome, Store, StoreError, StoreErrorKind, StoreFuture},
};

use super::{account::Account, clock::VirtualClock, latency::Latency, throttle::Throttle};

/// Consistent reads per second that one item takes, where it takes one write unit in the third of that.
const READS_PER_WRITE: f64 = 3.0;

/// What the store is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manners {
    pub(super) latency: Latency,
    /// Write units per second that one item takes.
    pub(super) item_writes: f64,
    /// The share of writes whose answer is lost, done or not.
    pub(super) loss: f64,
}

/// What it was asked within the time that is measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) applied: u64,
    pub(super) refused: u64,
    pub(super) throttled: u64,
    pub(super) reads: u64,
}

#[derive(Debug)]
pub(super) struct SimulatedStore {
    inner: MemoryStore,
    clock: VirtualClock,
    manners: Manners,
    /// From when until when it counts.
    window: (Duration, Duration),
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    items: HashMap<BucketKey, Item>,
    counts: Counts,
}

#[derive(Debug)]
struct Item {
    writes: Throttle,
    reads: Throttle,
    account: Account,
    /// Write units within the window.
    units: u64,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It never arrives.
    Swallowed,
    /// It is done, and nobody hears of it.
    Unheard,
}

enum Write<'a> {
    Update(&'a Update),
    Create(&'a Create),
}

impl SimulatedStore {
    pub(super) fn new(clock: VirtualClock, seed: u64, manners: Manners, window: (Duration, Duration)) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { random, items: HashMap::new(), counts: Counts::default() });
        Self { inner: MemoryStore::with_capacity(10_000_000), clock, manners, window, state }
    }

    pub(super) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Write units of the item that was written most, within the window.
    pub(super) fn hottest(&self) -> u64 {
        self.state().items.values().map(|item| item.units).max().unwrap_or(0)
    }

    /// What the account of every bucket says.
    pub(super) fn accounts<T>(&self, mut tell: impl FnMut(&BucketKey, &Account) -> T) -> Vec<T> {
        self.state().items.iter().map(|(key, item)| tell(key, &item.account)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self) -> (Duration, Duration, Fate) {
        let mut state = self.state();
        let (there, back) = self.manners.latency.draw(&mut state.random);
        let fate = match state.random.f64() {
            lost if lost < self.manners.loss / 2.0 => Fate::Swallowed,
            lost if lost < self.manners.loss => Fate::Unheard,
            _ => Fate::Answered,
        };
        (there, back, fate)
    }

    async fn write(&self, key: &BucketKey, write: Write<'_>) -> Result<Outcome, StoreError> {
        let (there, back, fate) = self.draw();
        sleep(there).await;
        let outcome = match fate {
            Fate::Swallowed => Err(StoreError::new(StoreErrorKind::Unknown, "lost on its way")),
            _ => self.execute(key, write),
        };
        sleep(back).await;
        match fate {
            Fate::Unheard => Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost")),
            _ => outcome,
        }
    }

    fn execute(&self, key: &BucketKey, write: Write<'_>) -> Result<Outcome, StoreError> {
        let now = self.clock.elapsed();
        let counted = (self.window.0..self.window.1).contains(&now);
        let mut state = self.state();
        let State { items, counts, .. } = &mut *state;
        let item = items.entry(key.clone()).or_insert_with(|| Item::new(self.manners.item_writes));
        if !item.writes.admits(now) {
            counts.throttled += u64::from(counted);
            return Err(StoreError::new(StoreErrorKind::Busy, "the item is written too often"));
        }
        item.units += u64::from(counted);
        let (outcome, planned, consumed) = match write {
            Write::Update(update) => {
                let consumed = update.lines.iter().map(|line| line.consumed);
                let added = update.added.iter().map(|new| new.consumed);
                (at_once(self.inner.update(key, update))?, update.now, consumed.chain(added).sum())
            }
            Write::Create(create) => {
                let consumed = create.limits.iter().map(|new| new.consumed).sum();
                (at_once(self.inner.create(key, create))?, create.now, consumed)
            }
        };
        match &outcome {
            Outcome::Applied(_) => {
                counts.applied += u64::from(counted);
                item.account.charge(self.clock.now(), planned, consumed);
            }
            // A failed condition costs a write unit too.
            Outcome::Refused(_) => counts.refused += u64::from(counted),
        }
        Ok(outcome)
    }

    async fn look(&self, key: &BucketKey) -> Result<Option<BucketState>, StoreError> {
        let (there, back, _) = self.draw();
        sleep(there).await;
        let now = self.clock.elapsed();
        let admitted = {
            let mut state = self.state();
            let State { items, counts, .. } = &mut *state;
            counts.reads += u64::from((self.window.0..self.window.1).contains(&now));
            let item = items.entry(key.clone()).or_insert_with(|| Item::new(self.manners.item_writes));
            item.reads.admits(now)
        };
        let outcome = match admitted {
            true => at_once(self.inner.read(key)),
            false => Err(StoreError::new(StoreErrorKind::Busy, "the item is read too often")),
        };
        sleep(back).await;
        outcome
    }
}

impl Item {
    fn new(writes: f64) -> Self {
        let reads = Throttle::new(writes * READS_PER_WRITE);
        Self { writes: Throttle::new(writes), reads, account: Account::default(), units: 0 }
    }
}

/// The answer of a store that is never late.
fn at_once<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("the memory store answers at once"),
    }
}

impl Store for SimulatedStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(self.look(bucket))
    }

    fn update<'a>(&'a self, bucket: &'a BucketKey, update: &'a Update) -> StoreFuture<'a, Outcome> {
        Box::pin(self.write(bucket, Write::Update(update)))
    }

    fn create<'a>(&'a self, bucket: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, Outcome> {
        Box::pin(self.write(bucket, Write::Create(create)))
    }
}
