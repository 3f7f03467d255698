//! The entry of a bucket in the gate cache: an awake gate, or the record of a gate at rest.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use quick_cache::{Equivalent, Lifecycle};

use crate::{
    limiter::gate::{Gate, Resting},
    model::{BucketKey, EntityId, Resource},
};

/// A bucket's key that needs little memory: many keys share their resource and shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CompactKey {
    pub(super) entity: EntityId,
    pub(super) shared: Arc<SharedKeyPart>,
}

/// The part that many keys have in common. These keys share one copy of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SharedKeyPart {
    pub(super) resource: Resource,
    pub(super) shard: u32,
}

impl SharedKeyPart {
    pub(super) fn is_of(&self, key: &BucketKey) -> bool {
        self.resource == key.resource && self.shard == key.shard
    }
}

impl CompactKey {
    pub(super) fn to_bucket_key(&self) -> BucketKey {
        BucketKey {
            entity: self.entity.clone(),
            resource: self.shared.resource.clone(),
            shard: self.shared.shard,
        }
    }
}

impl Hash for CompactKey {
    /// Hashes like [`BucketKey`], so that a bucket key finds the entry of this key.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entity.hash(state);
        self.shared.resource.hash(state);
        self.shared.shard.hash(state);
    }
}

impl Equivalent<CompactKey> for BucketKey {
    fn equivalent(&self, key: &CompactKey) -> bool {
        self.entity == key.entity && key.shared.is_of(self)
    }
}

/// A bucket's entry in the gate cache.
#[derive(Debug)]
pub(super) enum GateEntry {
    Awake(Arc<Gate>),
    Resting(Resting),
    /// The place is reserved: a thread is waking the gate or putting it to rest.
    Taken,
}

impl Clone for GateEntry {
    /// Clones `Resting` as `Taken`: a record has one owner, the thread that takes it out of the
    /// cache. A clone only shows that the gate is not awake.
    fn clone(&self) -> Self {
        match self {
            Self::Awake(gate) => Self::Awake(gate.clone()),
            Self::Resting(_) | Self::Taken => Self::Taken,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeepBusy;

impl Lifecycle<CompactKey, GateEntry> for KeepBusy {
    /// The entry that was replaced, or the first one that was evicted.
    type RequestState = Option<GateEntry>;

    fn on_evict(&self, first: &mut Option<GateEntry>, _: CompactKey, place: GateEntry) {
        first.get_or_insert(place);
    }

    fn is_pinned(&self, _: &CompactKey, place: &GateEntry) -> bool {
        match place {
            GateEntry::Awake(gate) => !gate.is_idle(),
            GateEntry::Resting(_) => false,
            GateEntry::Taken => true,
        }
    }
}
