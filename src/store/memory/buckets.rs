//! A bounded map of buckets that forgets only what changes no decision.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use indexmap::{Equivalent, IndexMap};

use crate::model::{BucketKey, BucketState, EntityId};

/// Locks to spread over: a power of two.
const SHARDS: usize = 64;

/// How many buckets a full shard looks at before it looks at all of them.
const GLANCE: usize = 16;

#[derive(Debug)]
pub(super) struct Buckets {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// The most buckets of a shard.
    most: usize,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    buckets: IndexMap<BucketKey, BucketState, RandomState>,
    /// Where the next look for something to forget begins.
    hand: usize,
    /// No bucket can be forgotten before that time (epoch ms), as the last look at all showed.
    barren_until: i64,
}

/// A key by its parts, to look it up without making one.
#[derive(Clone, Copy)]
pub(super) struct KeyParts<'a> {
    pub(super) entity: &'a str,
    pub(super) resource: &'a str,
    pub(super) shard: u32,
}

impl<'a> From<&'a BucketKey> for KeyParts<'a> {
    fn from(key: &'a BucketKey) -> Self {
        Self { entity: key.entity.as_str(), resource: key.resource.as_str(), shard: key.shard }
    }
}

impl Hash for KeyParts<'_> {
    // As the derived hash of a `BucketKey`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entity.hash(state);
        self.resource.hash(state);
        self.shard.hash(state);
    }
}

impl Equivalent<BucketKey> for KeyParts<'_> {
    fn equivalent(&self, key: &BucketKey) -> bool {
        self.shard == key.shard && key.entity == *self.entity && key.resource == *self.resource
    }
}

impl Buckets {
    /// At most about `most` buckets.
    pub(super) fn new(most: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), most: most.div_ceil(SHARDS).max(1) }
    }

    /// The shard that holds the bucket, locked. Locks are held for arithmetic only.
    pub(super) fn shard(&self, key: KeyParts<'_>) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        // A power of two: the mask picks one.
        let index = usize::try_from(hash & (SHARDS as u64 - 1)).unwrap_or(0);
        // A shard that panicked was left between two whole values: go on with it.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).buckets.len()).sum()
    }

    /// Removes the buckets of an entity, and counts them. Looks at every bucket.
    pub(super) fn remove_of(&self, entity: &EntityId) -> usize {
        let remove = |shard: &Mutex<Shard>| {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.buckets.len();
            shard.buckets.retain(|key, _| key.entity != *entity);
            before - shard.buckets.len()
        };
        self.shards.iter().map(remove).sum()
    }

    /// The buckets whose keys are wanted. Looks at every bucket.
    pub(super) fn list(&self, wanted: impl Fn(&BucketKey) -> bool) -> Vec<(BucketKey, BucketState)> {
        let mut rows = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let found = shard.buckets.iter().filter(|(key, _)| wanted(key));
            rows.extend(found.map(|(key, state)| (key.clone(), state.clone())));
        }
        rows
    }

    /// The most buckets of a shard.
    pub(super) fn most(&self) -> usize {
        self.most
    }
}

impl Shard {
    pub(super) fn get_mut(&mut self, key: KeyParts<'_>) -> Option<&mut BucketState> {
        self.buckets.get_mut(&key)
    }

    /// Puts a bucket, or returns false: the shard is full, and nothing can be forgotten without
    /// changing a decision.
    pub(super) fn insert(&mut self, key: BucketKey, state: BucketState, most: usize, now: i64) -> bool {
        if self.buckets.len() >= most && !self.buckets.contains_key(&key) && !self.forget_some(now) {
            return false;
        }
        self.barren_until = self.barren_until.min(full_at(&state));
        self.buckets.insert(key, state);
        true
    }

    /// Tells that a bucket may be forgotten earlier than was known.
    pub(super) fn given_back(&mut self) {
        self.barren_until = i64::MIN;
    }

    /// Forgets buckets that are full: a new one would be just the same.
    fn forget_some(&mut self, now: i64) -> bool {
        for _ in 0..GLANCE.min(self.buckets.len()) {
            self.hand = (self.hand + 1) % self.buckets.len();
            if full_at(&self.buckets[self.hand]) <= now {
                self.buckets.swap_remove_index(self.hand);
                return true;
            }
        }
        if now < self.barren_until {
            return false;
        }
        let before = self.buckets.len();
        let mut earliest = i64::MAX;
        self.buckets.retain(|_, state| {
            let full_at = full_at(state);
            if full_at > now {
                earliest = earliest.min(full_at);
            }
            full_at > now
        });
        self.barren_until = earliest;
        self.buckets.len() < before
    }
}

/// When the bucket is full, if nobody takes tokens from now on: epoch ms.
fn full_at(state: &BucketState) -> i64 {
    let wait = state.limits.iter().map(|limit| limit.rate.wait(limit.level, limit.rate.capacity()).unwrap_or(i64::MAX));
    state.refilled_at.saturating_add(wait.max().unwrap_or(0))
}
