//! Buckets in this process's memory, and the clock that refills them.

use std::sync::Arc;

use crate::{
    error::Unavailable,
    limiter::{
        resolver::{Resolution, Resolving, nothing},
        terms::ConfigVersion,
    },
    model::{BucketKey, ConfigScope, EntityId, KeyParts, LimitStatus, Limits, Resource},
    store::{Entry, Home, MemoryStore},
};

#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) store: MemoryStore,
    pub(crate) home: Arc<Home>,
}

/// The place of a bucket in memory.
#[derive(Clone, Debug)]
pub(crate) enum MemoryPlace {
    /// The bucket exists, and was made by this limiter.
    Entry(Arc<Entry>),
    /// The bucket exists, but another limiter made it, with a clock of its own.
    Elsewhere(Box<(Arc<Entry>, Arc<Home>)>),
    /// The bucket does not exist yet. Boxed, because a request is moved often and this variant
    /// would be the largest.
    New(Box<(BucketKey, Arc<Memory>)>),
}

/// The limits that a request uses.
#[derive(Clone, Debug)]
pub(crate) enum LimitsRef {
    /// The limits that the bucket was made with.
    Known,
    These(Limits),
}

/// A bucket that a handle has found, with the limits that the handle sets.
#[derive(Debug)]
pub(crate) struct ResolvedBucket {
    pub(crate) entry: Arc<Entry>,
    pub(crate) home: Arc<Home>,
    pub(crate) limits: Limits,
}

impl Memory {
    pub(crate) fn place(self: &Arc<Self>, key: BucketKey) -> MemoryPlace {
        match self.store.find(key.entity.as_str(), key.resource.as_str()) {
            Some(entry) => self.found(entry),
            None => self.new_place(key),
        }
    }

    /// Returns the place of a bucket that was found.
    #[inline]
    pub(crate) fn found(&self, entry: Arc<Entry>) -> MemoryPlace {
        if Arc::ptr_eq(entry.home(), &self.home) {
            MemoryPlace::Entry(entry)
        } else {
            MemoryPlace::Elsewhere(Box::new((entry, self.home.clone())))
        }
    }

    #[cold]
    pub(crate) fn new_place(self: &Arc<Self>, key: BucketKey) -> MemoryPlace {
        MemoryPlace::New(Box::new((key, self.clone())))
    }
}

/// Returns the stored limits and the parent of an entity for a resource.
pub(crate) fn resolve(home: &Home, entity: &EntityId, resource: &Resource) -> Resolving {
    if !home.has_records() {
        return nothing();
    }
    let scopes = ConfigScope::levels(entity, resource);
    let found = home.look_up_now(Some(entity), &scopes);
    Resolving::Known(Arc::new(Resolution::new(
        &scopes,
        found,
        ConfigVersion::NEWEST,
        0,
    )))
}

impl MemoryPlace {
    pub(crate) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Entry(entry) => entry.key(),
            Self::Elsewhere(found) => found.0.key(),
            Self::New(new) => new.0.parts(),
        }
    }

    #[inline]
    pub(crate) fn home(&self) -> &Arc<Home> {
        match self {
            Self::Entry(entry) => entry.home(),
            Self::Elsewhere(found) => &found.1,
            Self::New(new) => &new.1.home,
        }
    }

    /// Returns the entry if there is one.
    #[inline]
    pub(crate) fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Elsewhere(found) => Some(&found.0),
            Self::New(_) => None,
        }
    }

    /// Returns the limits that `limits_ref` stands for.
    #[inline]
    pub(crate) fn limits<'a>(&'a self, limits_ref: &'a LimitsRef) -> &'a Limits {
        match (limits_ref, self.entry()) {
            (LimitsRef::These(limits), _) => limits,
            (LimitsRef::Known, Some(entry)) => entry.limits(),
            (LimitsRef::Known, None) => Limits::unknown(),
        }
    }

    /// Returns the entry. If there is none, makes it with `limits`.
    pub(crate) fn claim(
        &mut self,
        limits: &LimitsRef,
        now: i64,
    ) -> Result<&Arc<Entry>, Unavailable> {
        if let Self::New(new) = self {
            let limits = match limits {
                LimitsRef::These(limits) => limits,
                LimitsRef::Known => Limits::unknown(),
            };
            let (key, memory) = &**new;
            let entry = memory
                .store
                .claim_or_share(key, &memory.home, limits, now)
                .map_err(Unavailable::Store)?;
            *self = memory.found(entry);
        }
        self.entry()
            .ok_or(Unavailable::Internal("a claimed bucket that is not there"))
    }

    /// Makes the entry in advance. Changes nothing if the store is full of buckets in use.
    pub(crate) fn hold(&mut self, now: i64) {
        if let Self::New(new) = self {
            let (key, memory) = &**new;
            if let Ok(entry) = memory
                .store
                .claim(key, &memory.home, Limits::unknown(), now)
            {
                *self = memory.found(entry);
            }
        }
    }

    /// Returns the place of another key in the same store.
    ///
    /// # Errors
    /// If the limiter and the store were dropped.
    pub(crate) fn beside(&self, key: BucketKey) -> Result<Self, Unavailable> {
        let memory = match self {
            Self::New(new) => new.1.clone(),
            _ => beside(self.home())?,
        };
        Ok(memory.place(key))
    }

    /// Returns the statuses of `limits` for a request of `amounts`.
    pub(crate) fn statuses(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
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

impl ResolvedBucket {
    pub(crate) fn place(&self) -> MemoryPlace {
        if Arc::ptr_eq(self.entry.home(), &self.home) {
            MemoryPlace::Entry(self.entry.clone())
        } else {
            MemoryPlace::Elsewhere(Box::new((self.entry.clone(), self.home.clone())))
        }
    }
}

/// Returns the store to which a home belongs.
fn beside(home: &Arc<Home>) -> Result<Arc<Memory>, Unavailable> {
    let store = MemoryStore::of(home).ok_or(Unavailable::Internal("a bucket without its store"))?;
    Ok(Arc::new(Memory {
        store,
        home: home.clone(),
    }))
}
