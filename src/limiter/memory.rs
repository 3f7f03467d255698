//! Buckets in this process's memory, and the clock that they are refilled by.

use std::sync::Arc;

use super::{
    records::nothing,
    resolver::{Resolution, Resolving},
    waiting::Lines,
};
use crate::{
    clock::Clock,
    error::Unavailable,
    model::{BucketKey, ConfigScope, EntityId, Limits, Resource},
    store::{Entry, MemoryStore},
};

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) store: MemoryStore,
    pub(super) clock: Arc<dyn Clock>,
    /// Who waits for capacity.
    pub(super) lines: Lines,
}

/// Where a bucket in memory is found.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Here.
    Entry(Arc<Entry>),
    /// Nowhere yet. Boxed: a request is moved often, and this is its first.
    Key(Box<BucketKey>),
}

/// A bucket that a handle has found once and for all, with the limits that it has to have.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) memory: Arc<Memory>,
    pub(super) entry: Arc<Entry>,
    pub(super) limits: Limits,
}

impl Memory {
    /// Epoch ms.
    #[inline]
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }

    pub(super) fn place(&self, key: BucketKey) -> Place {
        match self.store.find(key.entity.as_str(), key.resource.as_str()) {
            Some(entry) => Place::Entry(entry),
            None => Place::Key(Box::new(key)),
        }
    }

    /// What holds for an entity and a resource.
    pub(super) fn resolve(&self, entity: &EntityId, resource: &Resource) -> Resolving {
        if !self.store.has_records() {
            return nothing();
        }
        let scopes = ConfigScope::levels(entity, resource);
        let found = self.store.look_up_now(Some(entity), &scopes);
        Resolving::Known(Arc::new(Resolution::new(&scopes, found, i64::MAX)))
    }
}

impl Place {
    pub(super) fn key(&self) -> &BucketKey {
        match self {
            Self::Entry(entry) => entry.key(),
            Self::Key(key) => key,
        }
    }

    /// The entry, which is made where there is none. Only then does it cost anything.
    #[inline]
    pub(super) fn claim(&mut self, memory: &Memory, now: i64) -> Result<&Entry, Unavailable> {
        if let Self::Key(key) = self {
            *self = Self::Entry(memory.store.claim(key, now).map_err(Unavailable::Store)?);
        }
        match self {
            Self::Entry(entry) => Ok(entry),
            Self::Key(_) => Err(Unavailable::ShutDown),
        }
    }
}
