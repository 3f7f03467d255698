//! A bounded map of buckets that forgets only buckets whose loss changes no decision.
#![allow(
    clippy::disallowed_methods,
    reason = "the hashes of keys have a random seed"
)]

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::{SharedSeed, fast::SeedableRandomState};
use hashbrown::HashTable;

use super::{
    context::{BucketContext, BucketOwner, Home},
    entry::{Entry, LookupKey},
    eviction::Eviction,
    recent::Recent,
    schema::Schemas,
    table_room::{fill_anew, make_room},
    when_full::{Setting, WhenFull},
};
use crate::{
    model::{BucketKey, BucketState, EntityId, KeyParts, Limits},
    telemetry::{self, MemoryFull},
};

/// The minimum number of parts, each with its own lock: a power of two.
const PARTS: usize = 64;

/// The approximate maximum number of buckets in a part. This maximum bounds the cost of growing a
/// part's table, and the cost of keys that are made to collide.
const PART: usize = 8192;

/// The largest capacity of a store: with it, the parts alone take about 20 MB.
const MOST: usize = 1 << 30;

#[derive(Debug)]
pub(super) struct Buckets {
    /// The number of parts is a power of two.
    parts: Box<[MapPart]>,
    /// The hash function, seeded by the operating system's randomness, because keys come from
    /// requests. A hash never leaves the process, and colliding keys would share only the buckets
    /// of one part. Therefore a fast hash is preferred to a cryptographic one.
    hasher: SeedableRandomState,
    /// The maximum number of buckets in a part.
    most: usize,
    when_full: Setting,
}

/// One part of the map. Locks are taken in this order: table, entry, then `schemas` or `context`.
///
/// Aligned so that a look-up reads only one cache line of it.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct MapPart {
    table: Mutex<PartTable>,
    schemas: Schemas,
    context: Recent<BucketContext>,
    /// `true` if the part was ever full. From then on it keeps track of the buckets that can be
    /// forgotten.
    crowded: AtomicBool,
}

#[derive(Debug, Default)]
struct PartTable {
    entries: HashTable<Arc<Entry>>,
    /// Boxed, because most parts never become full.
    eviction: Option<Box<Eviction>>,
}

impl Drop for Buckets {
    fn drop(&mut self) {
        telemetry::memory_room(-signed(self.capacity()));
        telemetry::memory_buckets(-signed(self.len()), true);
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl MapPart {
    /// Locks the table. Callers hold the lock only for a look-up.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, PartTable> {
        // After a panic the table is still consistent, so the poison flag is ignored.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BucketOwner for Buckets {
    fn schemas(&self, key: KeyParts<'_>) -> &Schemas {
        &self.part(self.hash_of(LookupKey::from(key))).schemas
    }

    fn hurry(&self, key: KeyParts<'_>) {
        let wanted = LookupKey::from(key);
        let hash = self.hash_of(wanted);
        let part = self.part(hash);
        if !part.crowded.load(Ordering::Relaxed) {
            return;
        }
        let mut table = part.lock();
        let PartTable { entries, eviction } = &mut *table;
        let own = entries.find(hash, |entry| wanted == **entry);
        if let (Some(eviction), Some(own)) = (eviction, own) {
            eviction.hurry(own);
            self.tidy(eviction, entries);
        }
    }
}

impl Buckets {
    /// Returns an empty map for about `most` buckets.
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(MOST);
        let parts = (most / PART).max(PARTS).next_power_of_two();
        // Without randomness from the operating system, a weaker seed: `fastrand` uses the time and
        // the thread id.
        let seed = getrandom::u64().unwrap_or_else(|_| fastrand::u64(..));
        let most = most.div_ceil(parts).max(1);
        telemetry::memory_room(signed(parts * most));
        Self {
            parts: (0..parts).map(|_| MapPart::default()).collect(),
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_random()),
            most,
            when_full: Setting::default(),
        }
    }

    pub(super) fn when_full(&self) -> &Setting {
        &self.when_full
    }

    /// Returns the maximum number of entries.
    pub(super) fn capacity(&self) -> usize {
        self.parts.len() * self.most
    }

    /// Returns the entry of a key.
    #[inline]
    pub(super) fn find(&self, key: LookupKey<'_>) -> Option<Arc<Entry>> {
        let hash = self.hash_of(key);
        self.part(hash)
            .lock()
            .entries
            .find(hash, |entry| key == **entry)
            .cloned()
    }

    /// Returns the entry of a key, which is created if there is none. `None` if the part is full
    /// and the rule allows it to forget none of its entries at `now` (epoch ms).
    pub(super) fn claim(
        &self,
        key: &BucketKey,
        home: &Arc<Home>,
        limits: &Limits,
        now: i64,
    ) -> Option<Arc<Entry>> {
        let wanted = LookupKey::from(key.parts());
        let hash = self.hash_of(wanted);
        let part = self.part(hash);
        let mut table = part.lock();
        if let Some(entry) = table.entries.find(hash, |entry| wanted == **entry) {
            return Some(entry.clone());
        }
        if table.entries.len() >= self.most {
            self.forget_one(part, &mut table, now)?;
        }
        let context = BucketContext::shared(&part.context, &key.resource, home, limits);
        let entry = Arc::new(Entry::new(key.entity.clone(), key.shard, context));
        let PartTable { entries, eviction } = &mut *table;
        if let Some(eviction) = eviction {
            // The key may have used the overflow bucket. Then the key gets a copy of that bucket,
            // so that the key gains no tokens.
            if let Some(shared) = eviction.overflow.find(&key.resource) {
                let shared = shared.lock();
                entry.lock().bucket = shared.bucket.clone().filter(|_| shared.full_at() > now);
            }
            make_room(entries, self.most, |entry| self.hash(entry));
            self.tidy(eviction, entries);
            eviction.add(&entry);
        }
        entries.insert_unique(hash, entry.clone(), |entry| self.hash(entry));
        let tell =
            entries.len() == self.most || entries.len().is_multiple_of(self.most.div_ceil(16));
        telemetry::memory_buckets(1, tell);
        Some(entry)
    }

    /// Returns the overflow bucket of the key's resource, which is created if there is none.
    pub(super) fn claim_overflow(
        &self,
        key: &BucketKey,
        home: &Arc<Home>,
        limits: &Limits,
        now: i64,
    ) -> Option<Arc<Entry>> {
        let part = self.part(self.hash_of(LookupKey::from(key.parts())));
        let make = || {
            let context = BucketContext::shared(&part.context, &key.resource, home, limits);
            Entry::new(EntityId::from_valid("overflow".into()), 0, context)
        };
        let used =
            |entry: &Arc<Entry>| Arc::strong_count(entry) > 1 || entry.lock().full_at() > now;
        part.lock()
            .eviction
            .as_mut()?
            .overflow
            .claim(&key.resource, make, used)
    }

    /// Returns the overflow bucket of the key's resource.
    pub(super) fn find_overflow(&self, key: &BucketKey) -> Option<Arc<Entry>> {
        let part = self.part(self.hash_of(LookupKey::from(key.parts())));
        part.lock()
            .eviction
            .as_ref()?
            .overflow
            .find(&key.resource)
            .cloned()
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.parts
            .iter()
            .map(|part| part.lock().entries.len())
            .sum()
    }

    /// Removes the buckets of an entity and returns their number. Looks at every bucket.
    pub(super) fn remove_of(&self, entity: &EntityId) -> usize {
        let mut removed = 0;
        for part in &self.parts {
            let mut table = part.lock();
            let PartTable { entries, eviction } = &mut *table;
            let mut held = Vec::new();
            let before = entries.len();
            entries.retain(|entry| {
                if entry.key().entity != entity {
                    return true;
                }
                removed += usize::from(entry.lock().bucket.take().is_some());
                // A lease or handle that holds the entry keeps using it, and creates a new bucket
                // in it if needed.
                let is_held = Arc::strong_count(entry) > 1;
                if is_held {
                    held.push(entry.clone());
                }
                is_held
            });
            telemetry::memory_buckets(signed(entries.len()) - signed(before), true);
            if let Some(eviction) = eviction {
                held.iter().for_each(|entry| eviction.hurry(entry));
                self.tidy(eviction, entries);
            }
        }
        removed
    }

    /// Returns the buckets whose keys match. Looks at every bucket.
    pub(super) fn list(
        &self,
        wanted: impl Fn(KeyParts<'_>) -> bool,
    ) -> Vec<(BucketKey, BucketState)> {
        let mut rows = Vec::new();
        for part in &self.parts {
            let table = part.lock();
            let found = table.entries.iter().filter(|entry| wanted(entry.key()));
            rows.extend(found.filter_map(|entry| {
                let slot = entry.lock();
                Some((entry.key().to_key(), slot.bucket.as_ref()?.to_bucket()))
            }));
        }
        rows
    }

    /// Forgets one bucket, if the rule allows it.
    fn forget_one(&self, part: &MapPart, table: &mut PartTable, now: i64) -> Option<()> {
        let PartTable { entries, eviction } = table;
        let eviction = eviction.get_or_insert_with(|| {
            // Set before the entries are read, so that every later change of an entry is reported.
            part.crowded.store(true, Ordering::Relaxed);
            // From now on, every new entry replaces another one: the table needs room for the holes
            // that removals leave.
            fill_anew(entries, self.most, |entry| self.hash(entry));
            Box::new(Eviction::new(entries.iter(), self.most))
        });
        let forget_fullest = self.when_full.is(WhenFull::ForgetFullest);
        let entry = eviction.forgettable(now).or_else(|| {
            let fullest = if forget_fullest {
                eviction.fullest()
            } else {
                None
            };
            fullest.inspect(|_| telemetry::memory_was_full(MemoryFull::Forgot))
        })?;
        let own = entries
            .find_entry(self.hash(&entry), |own| Arc::ptr_eq(own, &entry))
            .ok()?;
        own.remove();
        telemetry::memory_buckets(-1, false);
        self.tidy(eviction, entries);
        Some(())
    }

    fn tidy(&self, eviction: &mut Eviction, entries: &HashTable<Arc<Entry>>) {
        if eviction.is_untidy() {
            eviction.begin_anew(entries.iter(), self.most);
        }
    }

    fn hash(&self, entry: &Entry) -> u64 {
        self.hash_of(LookupKey::from(entry.key()))
    }

    /// Hashes a key as `hash_one` does, which is not inlined.
    #[expect(clippy::manual_hash_one, reason = "a tenth of an acquire")]
    #[inline(always)]
    fn hash_of(&self, key: LookupKey<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        key.hash(&mut hasher);
        hasher.finish()
    }

    #[inline]
    fn part(&self, hash: u64) -> &MapPart {
        // The hash table uses the lowest and the highest bits, so the part is chosen by the middle
        // bits.
        let middle = usize::try_from((hash >> 32) & 0xff_ffff).unwrap_or(0);
        // The number of parts is a power of two, so a mask selects one.
        &self.parts[middle & (self.parts.len() - 1)]
    }
}
