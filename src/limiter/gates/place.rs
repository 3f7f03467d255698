//! Where a bucket's gate stands, or what is kept of it.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use quick_cache::{Equivalent, Lifecycle};

use crate::{
    limiter::gate::{Gate, Resting},
    model::{BucketKey, EntityId, Resource},
};

/// A bucket's key, as small as it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) entity: EntityId,
    pub(super) kin: Arc<Kin>,
}

/// What keys have in common: one of it for many.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kin {
    pub(super) resource: Resource,
    pub(super) shard: u32,
}

impl Kin {
    pub(super) fn is_of(&self, key: &BucketKey) -> bool {
        self.resource == key.resource && self.shard == key.shard
    }
}

impl Key {
    pub(super) fn to_bucket_key(&self) -> BucketKey {
        BucketKey { entity: self.entity.clone(), resource: self.kin.resource.clone(), shard: self.kin.shard }
    }
}

impl Hash for Key {
    /// As [`BucketKey`]'s: either finds the other.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entity.hash(state);
        self.kin.resource.hash(state);
        self.kin.shard.hash(state);
    }
}

impl Equivalent<Key> for BucketKey {
    fn equivalent(&self, key: &Key) -> bool {
        self.entity == key.entity && key.kin.is_of(self)
    }
}

/// What there is of a bucket's gate.
#[derive(Debug)]
pub(super) enum Place {
    Awake(Arc<Gate>),
    Resting(Resting),
    /// Nothing for the moment: it is being woken, or put to rest.
    Taken,
}

impl Clone for Place {
    /// Only who takes what rests has it: of that, a copy says no more than that it is not awake.
    fn clone(&self) -> Self {
        match self {
            Self::Awake(gate) => Self::Awake(gate.clone()),
            Self::Resting(_) | Self::Taken => Self::Taken,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeepBusy;

impl Lifecycle<Key, Place> for KeepBusy {
    /// What was replaced, or the first that was forgotten.
    type RequestState = Option<Place>;

    fn on_evict(&self, first: &mut Option<Place>, _: Key, place: Place) {
        first.get_or_insert(place);
    }

    fn is_pinned(&self, _: &Key, place: &Place) -> bool {
        match place {
            Place::Awake(gate) => !gate.is_idle(),
            Place::Resting(_) => false,
            Place::Taken => true,
        }
    }
}
