//! Buckets in this process's memory, and the clock that they are refilled by.

use std::sync::Arc;

use super::{
    resolver::{Resolution, Resolving},
    stored::nothing,
};
use crate::{
    error::Unavailable,
    model::{BucketKey, ConfigScope, EntityId, KeyParts, LimitStatus, Limits, Resource},
    store::{Entry, Home, MemoryStore},
};

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) store: MemoryStore,
    pub(super) home: Arc<Home>,
}

/// Where a bucket in memory is found.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Here, and the limiter is at home where the bucket is.
    Entry(Arc<Entry>),
    /// Here, but another limiter made it, with a clock of its own.
    Elsewhere(Box<(Arc<Entry>, Arc<Home>)>),
    /// Nowhere yet. Boxed: a request is moved often, and this is its first.
    New(Box<(BucketKey, Arc<Memory>)>),
}

/// The limits that a request goes by.
#[derive(Clone, Debug)]
pub(super) enum Brought {
    /// Those that the bucket was made with.
    Known,
    These(Limits),
}

/// A bucket that a handle has found once and for all, with the limits that it has to have.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) entry: Arc<Entry>,
    pub(super) home: Arc<Home>,
    pub(super) limits: Limits,
}

impl Memory {
    pub(super) fn place(self: &Arc<Self>, key: BucketKey) -> Place {
        match self.store.find(key.entity.as_str(), key.resource.as_str()) {
            Some(entry) => self.found(entry),
            None => self.new_place(key),
        }
    }

    /// The place of a bucket that was found.
    #[inline]
    pub(super) fn found(&self, entry: Arc<Entry>) -> Place {
        match Arc::ptr_eq(entry.home(), &self.home) {
            true => Place::Entry(entry),
            false => Place::Elsewhere(Box::new((entry, self.home.clone()))),
        }
    }

    #[cold]
    pub(super) fn new_place(self: &Arc<Self>, key: BucketKey) -> Place {
        Place::New(Box::new((key, self.clone())))
    }
}

/// What holds for an entity and a resource.
pub(super) fn resolve(home: &Home, entity: &EntityId, resource: &Resource) -> Resolving {
    if !home.has_records() {
        return nothing();
    }
    let scopes = ConfigScope::levels(entity, resource);
    let found = home.look_up_now(Some(entity), &scopes);
    Resolving::Known(Arc::new(Resolution::new(&scopes, found, i64::MAX)))
}

impl Place {
    pub(super) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Entry(entry) => entry.key(),
            Self::Elsewhere(found) => found.0.key(),
            Self::New(new) => new.0.parts(),
        }
    }

    #[inline]
    pub(super) fn home(&self) -> &Arc<Home> {
        match self {
            Self::Entry(entry) => entry.home(),
            Self::Elsewhere(found) => &found.1,
            Self::New(new) => &new.1.home,
        }
    }

    /// The entry, where there is one.
    #[inline]
    pub(super) fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Elsewhere(found) => Some(&found.0),
            Self::New(_) => None,
        }
    }

    /// The limits that are meant.
    #[inline]
    pub(super) fn limits<'a>(&'a self, brought: &'a Brought) -> &'a Limits {
        match (brought, self.entry()) {
            (Brought::These(limits), _) => limits,
            (Brought::Known, Some(entry)) => entry.limits(),
            (Brought::Known, None) => Limits::unknown(),
        }
    }

    /// The entry, which is made where there is none, with `limits`. Only then does it cost anything.
    pub(super) fn claim(&mut self, limits: &Brought, now: i64) -> Result<&Arc<Entry>, Unavailable> {
        if let Self::New(new) = self {
            let limits = match limits {
                Brought::These(limits) => limits,
                Brought::Known => Limits::unknown(),
            };
            let (key, memory) = &**new;
            let entry = memory.store.claim_or_share(key, &memory.home, limits, now).map_err(Unavailable::Store)?;
            *self = memory.found(entry);
        }
        self.entry().ok_or(Unavailable::Internal("a claimed bucket that is not there"))
    }

    /// Claims an entry for good, if there is room for one of its own.
    pub(super) fn hold(&mut self, now: i64) {
        if let Self::New(new) = self {
            let (key, memory) = &**new;
            if let Ok(entry) = memory.store.claim(key, &memory.home, Limits::unknown(), now) {
                *self = memory.found(entry);
            }
        }
    }

    /// The bucket of the same store that has the key.
    ///
    /// # Errors
    /// The limiter and the store were dropped.
    pub(super) fn beside(&self, key: BucketKey) -> Result<Self, Unavailable> {
        let memory = match self {
            Self::New(new) => new.1.clone(),
            _ => beside(self.home())?,
        };
        Ok(memory.place(key))
    }

    /// Where `limits` stand in view of a request for `amounts`.
    pub(super) fn statuses(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
        let now = self.home().now();
        match self {
            Self::New(new) => {
                let (key, memory) = &**new;
                let entry = memory.store.find_or_shared(key);
                Entry::statuses(entry.as_deref(), limits, amounts, now)
            }
            _ => Entry::statuses(self.entry().map(|entry| &**entry), limits, amounts, now),
        }
    }
}

impl Pinned {
    pub(super) fn place(&self) -> Place {
        match Arc::ptr_eq(self.entry.home(), &self.home) {
            true => Place::Entry(self.entry.clone()),
            false => Place::Elsewhere(Box::new((self.entry.clone(), self.home.clone()))),
        }
    }
}

/// The store that a home belongs to.
fn beside(home: &Arc<Home>) -> Result<Arc<Memory>, Unavailable> {
    let store = home.store().ok_or(Unavailable::Internal("a bucket without its store"))?;
    Ok(Arc::new(Memory { store, home: home.clone() }))
}
