//! Code that all calls for stored limits, entities and history share.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, LazyLock},
    task::Poll,
    time::Duration,
};

use crate::{
    error::{Error, Invalid, Unavailable},
    limiter::{
        memory::resolve,
        rate_limiter::{Backend, RateLimiter},
        resolver::{CacheStats, Resolution, Resolving, kept},
        waits::Timeout,
    },
    model::{AuditEvent, ConfigScope, EntityId, Resource, StoredOnUnavailable},
    store::{Records, Store, StoreError},
};

impl RateLimiter {
    /// Returns the store.
    pub(in crate::limiter) fn store(&self) -> Arc<dyn Store> {
        match self.backend() {
            Backend::Memory(memory) => Arc::new(memory.store.clone()),
            Backend::Gated(gates) => gates.context().store.clone(),
            Backend::Scripted(scripted) => Arc::new(scripted.memory.store.clone()),
        }
    }

    /// Returns the resolution for an entity and a resource.
    pub(in crate::limiter) async fn resolution(
        &self,
        entity: &EntityId,
        resource: &Resource,
    ) -> Result<Arc<Resolution>, Error> {
        match self.resolve(entity, resource) {
            Resolving::Known(resolution) => Ok(resolution),
            Resolving::Soon(promise) => kept(promise).await.map_err(Error::from),
        }
    }

    /// Returns the resolution for an entity and a resource, or the promise of it.
    pub(in crate::limiter) fn resolve(&self, entity: &EntityId, resource: &Resource) -> Resolving {
        match self.backend() {
            Backend::Memory(memory) => resolve(&memory.home, entity, resource),
            Backend::Gated(gates) if gates.context().store.records().is_none() => nothing(),
            Backend::Gated(gates) => gates.resolver().resolve(entity, resource),
            Backend::Scripted(scripted) => resolve(&scripted.memory.home, entity, resource),
        }
    }

    /// Returns a timeout for a wait for the store. Returns `None` in memory: nobody waits there.
    pub(in crate::limiter) fn late(&self, time: Duration) -> Option<Timeout> {
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => None,
            Backend::Gated(gates) => Some(gates.context().background.deadline(time)),
        }
    }

    /// Returns a timer; if the limiter has a runtime of its own, a timer of that runtime.
    pub(in crate::limiter) fn timeout(&self, time: Duration) -> tokio::time::Sleep {
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => tokio::time::sleep(time),
            Backend::Gated(gates) => gates.context().background.timeout(time),
        }
    }

    /// Removes the entries from the cache that an own write has changed.
    pub(in crate::limiter) fn forget(&self, scope: &ConfigScope) {
        if let Backend::Gated(gates) = self.backend() {
            gates.resolver().forget(scope);
        }
    }

    pub(in crate::limiter) fn cache_stats(&self) -> CacheStats {
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => CacheStats::default(),
            Backend::Gated(gates) => gates.resolver().stats(),
        }
    }

    pub(crate) fn stored_on_unavailable(&self) -> Option<StoredOnUnavailable> {
        match self.backend() {
            Backend::Memory(_) => None,
            Backend::Scripted(scripted) => {
                let found = scripted.memory.home.look_up_now(None, &[ConfigScope::System]);
                found.configs.into_iter().flatten().find_map(|config| config.on_unavailable)
            }
            Backend::Gated(gates) => gates.resolver().on_unavailable(),
        }
    }

    /// Makes a call for what is stored beside buckets, with the call deadline.
    pub(in crate::limiter) async fn asked<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        self.answered_in(self.call_deadline(), call).await
    }

    /// Makes a store call. Returns an error if its answer does not come within `deadline`.
    pub(in crate::limiter) async fn answered_in<T>(
        &self,
        deadline: Duration,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Error> {
        let Some(mut late) = self.late(deadline) else { return answered(call.await) };
        let mut call = pin!(call);
        poll_fn(|context| {
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(answered(answer));
            }
            Pin::new(&mut late).poll(context).map(|()| Err(Unavailable::Deadline.into()))
        })
        .await
    }

    /// Adds an event to the history.
    pub(in crate::limiter) async fn note(&self, mut event: AuditEvent) -> Result<(), Error> {
        let store = self.store();
        let records = records_of(&*store)?;
        event.principal = match self.principal() {
            Some(principal) => Some(principal.to_owned()),
            // An event without a principal is better than none.
            None => records.principal().await.unwrap_or_default(),
        };
        let expires_at = event.timestamp.saturating_add(self.audit_retention_seconds());
        self.asked(records.append_audit(&event, expires_at)).await
    }
}

/// A resolution without limits and without a parent.
pub(in crate::limiter) static NOTHING: Resolution = Resolution::nothing();

/// Returns the same resolution, shared.
pub(in crate::limiter) fn nothing() -> Resolving {
    static SHARED: LazyLock<Arc<Resolution>> = LazyLock::new(|| Arc::new(Resolution::nothing()));
    Resolving::Known(SHARED.clone())
}

/// Returns the records of a store, or an error if it keeps none.
pub(in crate::limiter) fn records_of(store: &dyn Store) -> Result<&dyn Records, Error> {
    store.records().ok_or_else(|| Invalid::NoRecords.into())
}

/// Converts a store's error to the caller's error.
pub(in crate::limiter) fn answered<T>(result: Result<T, StoreError>) -> Result<T, Error> {
    result.map_err(|error| Unavailable::Store(error).into())
}
