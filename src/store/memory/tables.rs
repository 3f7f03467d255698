//! Stored limits, entities and history in memory, under one lock.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    model::{AuditEvent, ConfigScope, Entity, EntityId, OperationRecord, Resource, StoredConfig},
    store::LookUp,
};

/// Everything except the buckets, under one lock. This data changes rarely, and an acquire reads it
/// only if something was ever stored.
#[derive(Debug, Default)]
pub(super) struct Tables {
    written: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) configs: HashMap<ConfigScope, StoredConfig>,
    pub(super) entities: BTreeMap<EntityId, Entity>,
    pub(super) audit: HashMap<String, Vec<AuditEvent>>,
    /// The records of operations by bucket and key, each with the time until which it is kept:
    /// epoch seconds.
    pub(super) operations: HashMap<(EntityId, Resource, String), (OperationRecord, i64)>,
}

impl Tables {
    /// Returns `true` if anything was ever stored.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.written.load(Ordering::Acquire)
    }

    pub(super) fn read(&self) -> MutexGuard<'_, Inner> {
        // Every change is one insertion or removal, so the tables are consistent even after a
        // panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> MutexGuard<'_, Inner> {
        self.written.store(true, Ordering::Release);
        self.read()
    }

    /// Returns an entity and the configs of several scopes, without awaiting.
    pub(super) fn look_up(&self, entity: Option<&EntityId>, scopes: &[ConfigScope]) -> LookUp {
        let tables = self.read();
        let configs = scopes
            .iter()
            .map(|scope| tables.configs.get(scope).cloned())
            .collect();
        LookUp::new(
            entity.and_then(|id| tables.entities.get(id).cloned()),
            configs,
        )
    }
}
