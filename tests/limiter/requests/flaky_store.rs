//! A memory store that fails and is slow on demand.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tollgate::{
    clock::Clock,
    model::{BucketKey, BucketState, Create, Split, Update},
    store::{MemoryStore, Records, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome},
};

#[derive(Debug, Default)]
pub(super) struct FlakyStore {
    pub(super) inner: MemoryStore,
    calls: AtomicU64,
    writes: AtomicU64,
    fails: Mutex<Option<StoreErrorKind>>,
    writes_fail: AtomicBool,
    takes: Mutex<Duration>,
}

impl FlakyStore {
    /// Makes calls fail from now on; `None` ends the failure.
    pub(super) fn fail(&self, kind: impl Into<Option<StoreErrorKind>>) {
        *self.fails.lock().unwrap() = kind.into();
    }

    /// Makes writes of buckets fail from now on, and no reads.
    pub(super) fn fail_writes(&self, kind: StoreErrorKind) {
        self.writes_fail.store(true, Ordering::SeqCst);
        self.fail(kind);
    }

    /// Sets how long calls take from now on.
    pub(super) fn take(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// Returns the number of bucket calls so far, failed ones included.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Returns the number of single-bucket writes so far, failed ones included.
    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// Executes `call` unless the store fails. The memory store executes a call at its first poll.
    fn call<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            self.calls.fetch_add(1, Ordering::SeqCst);
            let takes = *self.takes.lock().unwrap();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            let fails = *self.fails.lock().unwrap();
            match fails {
                Some(kind) => Err(StoreError::new(kind, "the test says so")),
                None => call().await,
            }
        })
    }
}

impl Store for FlakyStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        if self.writes_fail.load(Ordering::SeqCst) {
            return self.inner.read(bucket);
        }
        self.call(move || self.inner.read(bucket))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.call(move || self.inner.update(bucket, update))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.call(move || self.inner.create(bucket, create))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        self.call(move || self.inner.transact(updates))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        self.call(move || self.inner.split(bucket, split))
    }

    /// Record calls never fail: only bucket calls do.
    fn records(&self) -> Option<&dyn Records> {
        self.inner.records()
    }
}

/// The time of a runtime, which may be paused.
#[derive(Debug)]
pub(super) struct RuntimeClock(Instant);

impl RuntimeClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> i64 {
        super::fixture::START + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}
