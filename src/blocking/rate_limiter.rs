//! The rate limiter.

use std::{io, sync::Arc, time::Duration};

use super::{Acquire, Audit, BucketHandle, Config, Entities, Namespaces, Query, Usage, runtime::Runtime};
use crate::{
    error::{Error, Unavailable},
    limiter::{self, Builder, PrefetchStats},
    model::{BreakerState, EntityId, IntoName, NamespaceName, Resource, Status},
    store::{MemoryStore, Store},
};

/// The blocking form of [`RateLimiter`](crate::RateLimiter). Clones share everything.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    pub(super) inner: limiter::RateLimiter,
    pub(super) runtime: Runtime,
}

impl RateLimiter {
    /// Returns a limiter whose buckets live in this process.
    ///
    /// # Errors
    /// If the operating system cannot start a thread.
    pub fn memory() -> io::Result<Self> {
        Self::memory_with(limiter::RateLimiter::builder(), MemoryStore::new())
    }

    /// Returns a limiter whose buckets live in this process, with other settings.
    ///
    /// # Errors
    /// Those of [`memory`](Self::memory).
    pub fn memory_with(settings: Builder, store: MemoryStore) -> io::Result<Self> {
        Ok(Self { inner: settings.build_memory(store), runtime: Runtime::start()? })
    }

    /// Returns a limiter whose buckets live in `store`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the operating system cannot start a thread.
    pub fn over(settings: Builder, store: Arc<dyn Store>) -> Result<Self, Error> {
        let runtime = Runtime::start().map_err(|_| Unavailable::NoThread)?;
        let handle = runtime.handle().ok_or(Unavailable::RuntimeGone)?.clone();
        Ok(Self { inner: settings.runtime(handle).build_shared(store)?, runtime })
    }

    /// See [`RateLimiter::acquire`](crate::RateLimiter::acquire).
    pub fn acquire<E, R>(&self, entity: E, resource: R) -> Acquire
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        Acquire { inner: self.inner.acquire(entity, resource), runtime: self.runtime.clone() }
    }

    /// See [`RateLimiter::bucket`](crate::RateLimiter::bucket).
    ///
    /// # Errors
    /// Those of that method.
    pub fn bucket<E, R>(&self, entity: E, resource: R) -> Result<BucketHandle, Error>
    where
        E: IntoName<EntityId>,
        R: IntoName<Resource>,
    {
        Ok(BucketHandle { inner: self.inner.bucket(entity, resource)?, runtime: self.runtime.clone() })
    }

    /// See [`RateLimiter::available`](crate::RateLimiter::available).
    pub fn available<E, R>(&self, entity: E, resource: R) -> Query
    where
        E: TryInto<EntityId, Error: Into<Error>>,
        R: TryInto<Resource, Error: Into<Error>>,
    {
        Query { inner: self.inner.available(entity, resource), runtime: self.runtime.clone() }
    }

    /// Returns the stored limits.
    pub fn config(&self) -> Config {
        Config { inner: self.inner.config(), runtime: self.runtime.clone() }
    }

    /// Returns the entities that were created.
    pub fn entities(&self) -> Entities {
        Entities { inner: self.inner.entities(), runtime: self.runtime.clone() }
    }

    /// Returns the history of changes.
    pub fn audit(&self) -> Audit {
        Audit { inner: self.inner.audit(), runtime: self.runtime.clone() }
    }

    /// Returns the namespaces of the limiter's table.
    pub fn namespaces(&self) -> Namespaces {
        Namespaces { inner: self.inner.namespaces(), runtime: self.runtime.clone() }
    }

    /// Returns the usage and the free capacity.
    pub fn usage(&self) -> Usage {
        Usage { inner: self.inner.usage(), runtime: self.runtime.clone() }
    }

    /// See [`RateLimiter::ping`](crate::RateLimiter::ping).
    ///
    /// # Errors
    /// Those of that method.
    pub fn ping(&self) -> Result<Duration, Error> {
        let limiter = self.inner.clone();
        self.runtime.wait(async move { limiter.ping().await })?
    }

    /// See [`RateLimiter::status`](crate::RateLimiter::status).
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the limiter's thread has ended.
    pub fn status(&self) -> Result<Status, Error> {
        let limiter = self.inner.clone();
        Ok(self.runtime.wait(async move { limiter.status().await })?)
    }

    /// See [`RateLimiter::breaker_state`](crate::RateLimiter::breaker_state).
    pub fn breaker_state(&self) -> BreakerState {
        self.inner.breaker_state()
    }

    /// See [`RateLimiter::prefetch_stats`](crate::RateLimiter::prefetch_stats).
    pub fn prefetch_stats(&self) -> PrefetchStats {
        self.inner.prefetch_stats()
    }

    /// See [`RateLimiter::namespace`](crate::RateLimiter::namespace). The new limiter shares the thread.
    ///
    /// # Errors
    /// Those of that method.
    pub fn namespace<N>(&self, name: N) -> Result<Self, Error>
    where
        N: TryInto<NamespaceName, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let limiter = self.inner.clone();
        let inner = self.runtime.wait(async move { limiter.namespace(name).await })??;
        Ok(Self { inner, runtime: self.runtime.clone() })
    }

    /// Returns the async limiter, to share it with async code.
    pub fn as_async(&self) -> &crate::RateLimiter {
        &self.inner
    }

    /// See [`RateLimiter::flush`](crate::RateLimiter::flush).
    pub fn flush(&self) {
        let limiter = self.inner.clone();
        // An error means that the runtime is gone.
        let _ = self.runtime.wait(async move { limiter.flush().await });
    }

    /// See [`RateLimiter::shutdown`](crate::RateLimiter::shutdown).
    pub fn shutdown(&self) {
        let limiter = self.inner.clone();
        // An error means that the runtime is gone.
        let _ = self.runtime.wait(async move { limiter.shutdown().await });
    }
}
