//! The engine of a limiter: the buckets, and the state that all parts of the limiter use.

mod build;
mod retention;
mod settings;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    bucket::resolve,
    resolver::{CacheStats, nothing},
};
use crate::{
    clock::Clock,
    limiter::{
        bucket::{Bucket, Memory, MemoryBucket, Scripted},
        gate::{Gate, Gates},
        resolver::{Resolution, Resolving},
        runtime::{Timeout, Timer},
        terms::Deadline,
    },
    model::{BucketKey, BucketState, ConfigScope, EntityId, Limits, Resource, StoredOnUnavailable},
    store::{Home, MemoryStore, Store, Waiters},
};

use retention::StoredRetention;
pub(super) use settings::Settings;

/// The buckets of a limiter, and its settings. Clones of the limiter share it.
pub(crate) struct Engine {
    backend: Backend,
    clock: Arc<dyn Clock>,
    settings: Settings,
    /// The requests that wait for capacity, if the buckets are in a store.
    waiters: Arc<Waiters>,
    /// The buckets of [`Acquire::or_locally`](crate::limiter::Acquire::or_locally). The buckets are
    /// kept from one outage to the next: otherwise each short outage would start with full buckets.
    local: OnceLock<Arc<Memory>>,
    retention: StoredRetention,
}

/// The place where buckets live.
#[derive(Debug)]
pub(crate) enum Backend {
    Memory(Arc<Memory>),
    Gated(Gates),
    /// A memory store behind a script.
    Scripted(Arc<Scripted>),
}

/// Shows the kind of the store, but not its buckets: there may be millions.
impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.backend {
            Backend::Memory(_) => f.write_str("memory"),
            Backend::Gated(gates) => gates.context().store.fmt(f),
            Backend::Scripted(_) => f.write_str("scripted"),
        }
    }
}

impl Engine {
    fn new(backend: Backend, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self {
            backend,
            clock,
            settings,
            waiters: Arc::default(),
            local: OnceLock::new(),
            retention: StoredRetention::default(),
        }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the stored time for which the history is kept, as far as it is known.
    pub(super) fn retention(&self) -> &StoredRetention {
        &self.retention
    }

    /// Returns the time: epoch ms.
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }

    #[inline]
    pub(super) fn deadline(&self) -> Deadline {
        self.settings.deadline
    }

    /// Returns the store.
    pub(super) fn store(&self) -> Arc<dyn Store> {
        match &self.backend {
            Backend::Memory(memory) => Arc::new(memory.store.clone()),
            Backend::Gated(gates) => gates.context().store.clone(),
            Backend::Scripted(scripted) => Arc::new(scripted.memory.store.clone()),
        }
    }

    /// Returns the gate of a bucket. Returns `None` in memory.
    pub(super) fn gate(&self, key: BucketKey) -> Option<Arc<Gate>> {
        match &self.backend {
            Backend::Memory(_) | Backend::Scripted(_) => None,
            Backend::Gated(gates) => Some(gates.get(key)),
        }
    }

    /// Notes a bucket as a write that no gate has made has left it.
    pub(super) fn was_written(&self, key: &BucketKey, state: BucketState) {
        if let Backend::Gated(gates) = &self.backend {
            gates.was_written(key, state);
        }
    }

    /// Returns a bucket.
    pub(super) fn bucket(&self, key: BucketKey, limits: Limits) -> Bucket {
        match &self.backend {
            Backend::Memory(memory) => Bucket::Memory(MemoryBucket::new(memory.place(key), limits)),
            Backend::Gated(gates) => Bucket::Gated {
                gate: gates.get(key),
                limits,
            },
            Backend::Scripted(scripted) => Bucket::Scripted(Box::new(scripted.bucket(key, limits))),
        }
    }

    /// Returns the requests that wait for capacity.
    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        match &self.backend {
            Backend::Memory(memory) => memory.home.waiters(),
            Backend::Gated(_) | Backend::Scripted(_) => &self.waiters,
        }
    }

    /// Returns the buckets that decide while the store is down. There is room for as many as there
    /// are gates.
    pub(super) fn local(&self) -> &Arc<Memory> {
        self.local.get_or_init(|| {
            let store = MemoryStore::with_capacity(self.settings.remembered);
            let home = store.home(Some(self.clock.clone()));
            Arc::new(Memory { store, home })
        })
    }

    /// Returns `true` if `home` belongs to the buckets that decide while the store is down.
    pub(super) fn is_local(&self, home: &Arc<Home>) -> bool {
        self.local
            .get()
            .is_some_and(|memory| Arc::ptr_eq(&memory.home, home))
    }

    /// Returns the resolution for an entity and a resource, or the promise of it.
    pub(super) fn resolve(&self, entity: &EntityId, resource: &Resource) -> Resolving {
        match &self.backend {
            Backend::Memory(memory) => resolve(&memory.home, entity, resource),
            Backend::Gated(gates) if gates.context().store.records().is_none() => nothing(),
            Backend::Gated(gates) => gates.resolver().resolve(entity, resource),
            Backend::Scripted(scripted) => resolve(&scripted.memory.home, entity, resource),
        }
    }

    /// Returns the resolution that was last known, or `None` if none was.
    pub(super) fn last_known(
        &self,
        entity: &EntityId,
        resource: &Resource,
    ) -> Option<Arc<Resolution>> {
        match &self.backend {
            Backend::Memory(_) => None,
            // With a script, only the decision can fail. Before the decision, limits are looked up
            // in memory.
            Backend::Scripted(_) => match self.resolve(entity, resource) {
                Resolving::Known(resolution) => Some(resolution),
                Resolving::Soon(_) => None,
            },
            Backend::Gated(gates) => gates.resolver().last_known(entity, resource),
        }
    }

    /// Removes the entries from the cache of look-ups that an own write has changed.
    pub(super) fn forget(&self, scope: &ConfigScope) {
        if let Backend::Gated(gates) = &self.backend {
            gates.resolver().forget(scope);
        }
    }

    /// Replaces the images of a bucket's shards, which an own operation has changed. `None` if the
    /// result of the operation is not known.
    pub(super) fn show(&self, bucket: &BucketKey, shards: Option<Vec<BucketState>>) {
        if let Backend::Gated(gates) = &self.backend {
            gates.get(bucket.clone()).show(shards);
        }
    }

    pub(super) fn cache_stats(&self) -> CacheStats {
        match &self.backend {
            Backend::Memory(_) | Backend::Scripted(_) => CacheStats::default(),
            Backend::Gated(gates) => gates.resolver().stats(),
        }
    }

    pub(super) fn stored_on_unavailable(&self) -> Option<StoredOnUnavailable> {
        match &self.backend {
            Backend::Memory(_) => None,
            Backend::Scripted(scripted) => {
                let found = scripted
                    .memory
                    .home
                    .look_up_now(None, &[ConfigScope::System]);
                found
                    .configs
                    .into_iter()
                    .flatten()
                    .find_map(|config| config.on_unavailable)
            }
            Backend::Gated(gates) => gates.resolver().on_unavailable(),
        }
    }

    /// Returns a timeout for a wait for the store. Returns `None` in memory: nobody waits there.
    pub(super) fn late(&self, time: Duration) -> Option<Timeout> {
        match &self.backend {
            Backend::Memory(_) | Backend::Scripted(_) => None,
            Backend::Gated(gates) => Some(gates.context().background.deadline(time)),
        }
    }

    /// Returns a timer for a request that waits for capacity. Returns `None` in memory.
    pub(super) fn timer(&self, time: Duration) -> Option<Timer> {
        match &self.backend {
            Backend::Memory(_) | Backend::Scripted(_) => None,
            Backend::Gated(gates) => Some(gates.context().background.timer(time)),
        }
    }

    /// Notes that the deadline of a request has passed before the store answered.
    pub(super) fn missed_deadline(&self) {
        if let Backend::Gated(gates) = &self.backend {
            gates.context().missed_deadline();
        }
    }
}
