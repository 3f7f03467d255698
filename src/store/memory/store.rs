//! The memory store.

use std::{
    fmt,
    future::ready,
    sync::{Arc, Weak},
};

use super::{
    WhenFull,
    buckets::Buckets,
    context::{BucketOwner, Home},
    state::CompactState,
    tables::Tables,
};
use crate::{
    clock::Clock,
    model::{
        BucketKey, BucketState, Create, InvalidParameters, Limits, Split, StoreStatus, Update,
    },
    store::{Diagnostics, Records, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

/// Buckets in this process's memory. Their number is bounded: if the store is full, a new key
/// replaces a bucket that is full again. If there is no such bucket, [`when_full`](Self::when_full)
/// decides.
///
/// Clones share the buckets.
#[derive(Clone)]
pub struct MemoryStore {
    pub(super) buckets: Arc<Buckets>,
    pub(super) tables: Arc<Tables>,
    /// The home of limiters without a clock of their own.
    pub(super) home: Arc<Home>,
}

/// The default maximum number of buckets: about 100 MB of keys and states.
const DEFAULT_CAPACITY: usize = 500_000;

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

/// Prints the number of buckets, and not their contents.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("buckets", &self.len())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Returns a store for 500 000 buckets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a store for about `buckets` buckets: at least 64, at most 2^30.
    pub fn with_capacity(buckets: usize) -> Self {
        let (buckets, tables) = (Arc::new(Buckets::new(buckets)), Arc::<Tables>::default());
        let owner: Weak<Buckets> = Arc::downgrade(&buckets);
        let home = Home::new(owner, tables.clone());
        Self {
            buckets,
            tables,
            home,
        }
    }

    /// Returns the store of a home; `None` if it was dropped.
    pub(crate) fn of(home: &Arc<Home>) -> Option<Self> {
        Some(Self {
            buckets: home.buckets()?,
            tables: home.tables().clone(),
            home: home.clone(),
        })
    }

    /// Sets how the store handles a new key if it is full of buckets in use. Applies to all clones.
    /// Default: [`WhenFull::Refuse`].
    #[must_use]
    pub fn when_full(self, rule: WhenFull) -> Self {
        self.buckets.when_full().set(rule);
        self
    }

    /// Returns the home of the buckets of a limiter with that clock, or of one without a clock.
    pub(crate) fn home(&self, clock: Option<Arc<dyn Clock>>) -> Arc<Home> {
        match clock {
            None => self.home.clone(),
            Some(clock) => self.home.under(clock),
        }
    }

    /// Returns the number of buckets that the store holds.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Returns the maximum number of buckets. Keys are spread over parts, and a part may be full
    /// earlier.
    pub fn capacity(&self) -> usize {
        self.buckets.capacity()
    }

    /// Returns `true` if the store holds no bucket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn try_update(&self, key: &BucketKey, update: &Update) -> Result<WriteOutcome, StoreError> {
        let Some(entry) = self.buckets.find(key.parts().into()) else {
            return Ok(WriteOutcome::Refused(None));
        };
        let mut slot = entry.lock();
        let Some(mut state) = slot.bucket.as_ref().map(CompactState::to_bucket) else {
            return Ok(WriteOutcome::Refused(None));
        };
        if !update.holds(&state) {
            return Ok(WriteOutcome::Refused(Some(state)));
        }
        update.apply(&mut state).map_err(corrupt)?;
        slot.bucket = Some(CompactState::from_bucket(
            state.clone(),
            self.buckets.schemas(entry.key()),
        ));
        drop(slot);
        self.buckets.hurry(entry.key());
        Ok(WriteOutcome::Applied(state))
    }

    fn try_create(&self, key: &BucketKey, create: &Create) -> Result<WriteOutcome, StoreError> {
        let entry = self.claim(key, &self.home, Limits::unknown(), create.now)?;
        let mut slot = entry.lock();
        let before = slot.bucket.as_ref().map(CompactState::to_bucket);
        if before
            .as_ref()
            .is_some_and(|state| !state.is_expired(create.now))
        {
            return Ok(WriteOutcome::Refused(before));
        }
        let state = create.bucket(key.shard).map_err(corrupt)?;
        slot.bucket = Some(CompactState::from_bucket(
            state.clone(),
            self.buckets.schemas(entry.key()),
        ));
        drop(slot);
        self.buckets.hurry(entry.key());
        Ok(WriteOutcome::Applied(state))
    }

    pub(super) fn try_read(&self, key: &BucketKey) -> Option<BucketState> {
        let entry = self.buckets.find(key.parts().into())?;
        let slot = entry.lock();
        slot.bucket.as_ref().map(CompactState::to_bucket)
    }
}

/// Returns the error of a store that is full of buckets in use.
pub(super) fn full() -> StoreError {
    StoreError::new(
        StoreErrorKind::Full,
        "the memory store is full of buckets in use",
    )
}

impl Store for MemoryStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        Box::pin(ready(Ok(self.try_read(bucket))))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(ready(self.try_update(bucket, update)))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        Box::pin(ready(self.try_create(bucket, create)))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.try_transact(updates)))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.try_split(bucket, split)))
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        Some(self)
    }
}

impl Diagnostics for MemoryStore {
    fn ping(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Returns the number of buckets. The other fields stay empty.
    fn describe(&self) -> StoreFuture<'_, StoreStatus> {
        let status = StoreStatus {
            items: u64::try_from(self.len()).ok(),
            ..StoreStatus::default()
        };
        Box::pin(ready(Ok(status)))
    }
}

pub(super) fn corrupt(error: InvalidParameters) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error.to_string()).with_source(error)
}
