//! A store whose answers are reported to the breaker.

use std::sync::Arc;

use crate::{
    clock::{Clock, StoreTime},
    limiter::runtime::CircuitBreaker,
    model::{BucketKey, BucketState, Create, Split, Update},
    store::{
        Diagnostics, NamespaceStore, Records, Store, StoreError, StoreFuture, StoreLocation,
        WriteOutcome,
    },
};

/// Passes every call on, and reports the outcome of the calls that requests wait for.
pub(crate) struct MonitoredStore {
    inner: Arc<dyn Store>,
    breaker: Arc<CircuitBreaker>,
    clock: Arc<dyn Clock>,
}

/// Shows the inner store.
impl std::fmt::Debug for MonitoredStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl MonitoredStore {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        breaker: Arc<CircuitBreaker>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            inner,
            breaker,
            clock,
        }
    }

    fn watch<'a, T: Send + 'a>(&'a self, call: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        Box::pin(watch(&self.breaker, &*self.clock, call))
    }
}

/// Runs a call and reports its outcome to the breaker. If the future is dropped before it ends, the
/// call counts as failed, because only a deadline drops it.
pub(crate) async fn watch<T>(
    breaker: &CircuitBreaker,
    clock: &dyn Clock,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let _asked = breaker.asks(|| clock.now());
    let given_up = GivenUp(breaker, clock);
    let result = call.await;
    std::mem::forget(given_up);
    breaker.heard(&result, || clock.now());
    result
}

struct GivenUp<'a>(&'a CircuitBreaker, &'a dyn Clock);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.timed_out(self.1.now());
    }
}

impl Store for MonitoredStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.watch(self.inner.read(bucket))
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.watch(self.inner.update(bucket, update))
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.watch(self.inner.create(bucket, create))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        // Transactions fail if there are too many of them. Their failures say nothing about the
        // health of the store.
        let call = self.inner.transact(updates);
        Box::pin(async move {
            let _asked = self.breaker.asks(|| self.clock.now());
            let result = call.await;
            if result.as_ref().err().is_none_or(StoreError::is_busy) {
                self.breaker.heard(&result, || self.clock.now());
            }
            result
        })
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        // No request waits for a split, so its result is not reported.
        self.inner.split(bucket, split)
    }

    fn is_registered(&self) -> StoreFuture<'_, bool> {
        self.inner.is_registered()
    }

    fn records(&self) -> Option<&dyn Records> {
        self.inner.records()
    }

    fn namespaces(&self) -> Option<&dyn NamespaceStore> {
        self.inner.namespaces()
    }

    fn time(&self) -> Option<Arc<StoreTime>> {
        self.inner.time()
    }

    fn location(&self) -> Option<StoreLocation> {
        self.inner.location()
    }

    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        self.inner.diagnostics()
    }
}
