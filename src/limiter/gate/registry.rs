//! The gates of a limiter: a bounded cache with one gate for each bucket in use.
//!
//! If nobody uses or holds a gate, the cache keeps only a record of it in its [`entry`]. The next
//! request for the bucket makes the gate again from that record. [`idle_sweep`] decides which gates
//! come to rest.

mod entry;
mod idle_sweep;
#[cfg(test)]
mod tests;

use std::{
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::{UnitWeighter, sync::Cache};

use crate::{
    limiter::{
        gate::{
            Gate, GateContext,
            registry::{
                entry::{CompactKey, GateEntry, KeepBusy},
                idle_sweep::IdleSweep,
            },
        },
        resolver::Resolver,
    },
    model::{BucketKey, BucketState},
};

/// Finds and caches gates. Evicting a gate loses no decision: the gate only had an image of its
/// bucket, and the next write returns a new image. A gate that has something to write is not
/// evicted.
#[derive(Debug)]
pub(crate) struct Gates {
    cache: Cache<CompactKey, GateEntry, UnitWeighter, RandomState, KeepBusy>,
    context: Arc<GateContext>,
    /// Locked by every thread that creates a gate, wakes one or puts one to rest, so that a bucket
    /// never has two gates. Lock order: this lock, then the cache's own locks, then the lock of a
    /// gate.
    idle_sweep: Mutex<IdleSweep>,
}

impl Gates {
    /// Returns `true` if `gate` belongs to this limiter.
    pub(crate) fn are_those_of(&self, gate: &Gate) -> bool {
        gate.is_in(&self.context)
    }

    /// Creates a cache for at most about `most` gates that have nothing to write.
    pub(crate) fn new(most: usize, context: GateContext) -> Self {
        let cache = Cache::with(
            most,
            most as u64,
            UnitWeighter,
            RandomState::new(),
            KeepBusy,
        );
        Self {
            cache,
            context: Arc::new(context),
            idle_sweep: Mutex::default(),
        }
    }

    /// Returns the gate of a bucket.
    #[inline]
    pub(crate) fn get(&self, key: BucketKey) -> Arc<Gate> {
        match self.cache.get(&key) {
            Some(GateEntry::Awake(gate)) => gate,
            _ => self.wake(key),
        }
    }

    /// Notes a bucket as a write that no gate has made has left it, if the bucket's gate is awake.
    /// The records of other gates are too old to decide anything.
    pub(crate) fn was_written(&self, key: &BucketKey, state: BucketState) {
        let first = BucketKey {
            shard: 0,
            ..key.clone()
        };
        if let Some(GateEntry::Awake(gate)) = self.cache.peek(&first) {
            gate.was_written(key.shard, state);
        }
    }

    /// Returns the gate of a bucket that has no awake gate: wakes it from its record, or creates
    /// it.
    #[cold]
    fn wake(&self, key: BucketKey) -> Arc<Gate> {
        let mut idle_sweep = self
            .idle_sweep
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = self.cache.peek(&key);
        if let Some(GateEntry::Awake(gate)) = known {
            // Another thread was faster.
            return gate;
        }
        let own = idle_sweep.key(&key);
        let key = own.to_bucket_key();
        let gate = match known.and_then(|_| self.take(own.clone())) {
            Some(GateEntry::Resting(resting)) => Gate::wake(key, self.context.clone(), resting),
            _ => Gate::new(key, self.context.clone()),
        };
        let gate = Arc::new(gate);
        self.put(own.clone(), GateEntry::Awake(gate.clone()));
        idle_sweep.join(own, &gate);
        let now = self.context.clock.now();
        idle_sweep.sweep(|key, gate| self.rest(key, gate, now));
        gate
    }

    /// Puts a gate to rest if nobody uses or holds it. Returns the gate if it stays awake and must
    /// be looked at again later.
    fn rest(&self, key: &CompactKey, gate: Arc<Gate>, now: i64) -> Option<Arc<Gate>> {
        // One reference is in the cache, the other one is `gate`.
        if !gate.try_rest(now) || Arc::strong_count(&gate) > 2 {
            return Some(gate);
        }
        let place = self.take(key.clone())?;
        let (place, again) = match place {
            GateEntry::Awake(own) if Arc::ptr_eq(&own, &gate) => {
                drop(gate);
                match own.into_resting() {
                    Ok(resting) => (GateEntry::Resting(resting), None),
                    // Somebody got a reference before the gate was taken out of the cache.
                    Err(own) => (GateEntry::Awake(own.clone()), Some(own)),
                }
            }
            // The cache has evicted the gate, and has another entry for the bucket by now.
            other => (other, None),
        };
        self.put(key.clone(), place);
        again
    }

    /// Takes the entry of a bucket out of its place, and marks the place as taken until something
    /// is put there. A thread that asks for the same bucket meanwhile waits for the lock of
    /// the idle sweep.
    fn take(&self, key: CompactKey) -> Option<GateEntry> {
        let mut before = None;
        self.cache
            .replace_with_lifecycle(key, GateEntry::Taken, true, &mut before)
            .ok()?;
        before
    }

    fn put(&self, key: CompactKey, place: GateEntry) {
        // The replacement is soft, as in `take`: the cache does not count it as a use of the entry.
        if let Err((key, place)) = self.cache.replace(key, place, true) {
            self.cache.insert(key, place);
        }
    }

    pub(crate) fn context(&self) -> &GateContext {
        &self.context
    }

    pub(crate) fn resolver(&self) -> &Arc<Resolver> {
        &self.context.resolver
    }
}
