//! The gates of a limiter: one for each bucket in use, up to a bound.
//!
//! If no request uses a gate or holds a reference to it, the gate can rest: its [`place`] then keeps only a compact
//! record, from which the gate is made again at the next request. The [`rounds`] decide which gates rest.

mod place;
mod rounds;
#[cfg(test)]
mod tests;

use std::{
    hash::RandomState,
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::{UnitWeighter, sync::Cache};

use self::{
    place::{KeepBusy, Key, Place},
    rounds::Rounds,
};
use super::{context::Context, gate::Gate, resolver::Resolver};
use crate::model::BucketKey;

/// Finds and keeps gates. A gate can be forgotten without changing a decision: it only cached the state of its bucket,
/// and the next write returns that again. A gate that has something to write is not forgotten.
#[derive(Debug)]
pub(super) struct Gates {
    cache: Cache<Key, Place, UnitWeighter, RandomState, KeepBusy>,
    context: Arc<Context>,
    /// Locked while a gate is made, woken or put to rest, so that a bucket never gets a second gate meanwhile. Lock
    /// order: this lock, then the cache's own locks, then a gate's.
    rounds: Mutex<Rounds>,
}

impl Gates {
    /// Returns `true` if `gate` belongs to this limiter.
    pub(super) fn are_those_of(&self, gate: &Gate) -> bool {
        gate.is_in(&self.context)
    }

    /// Keeps at most about `most` gates that have nothing to write.
    pub(super) fn new(most: usize, context: Context) -> Self {
        let cache = Cache::with(most, most as u64, UnitWeighter, RandomState::new(), KeepBusy);
        Self { cache, context: Arc::new(context), rounds: Mutex::default() }
    }

    /// Returns the gate of a bucket.
    #[inline]
    pub(super) fn get(&self, key: BucketKey) -> Arc<Gate> {
        match self.cache.get(&key) {
            Some(Place::Awake(gate)) => gate,
            _ => self.wake(key),
        }
    }

    /// Returns the gate of a bucket that has none, or whose gate rests.
    #[cold]
    fn wake(&self, key: BucketKey) -> Arc<Gate> {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.cache.peek(&key);
        if let Some(Place::Awake(gate)) = known {
            // Another thread was faster.
            return gate;
        }
        let own = rounds.key(&key);
        let key = own.to_bucket_key();
        let gate = match known.and_then(|_| self.take(own.clone())) {
            Some(Place::Resting(resting)) => Gate::wake(key, self.context.clone(), resting),
            _ => Gate::new(key, self.context.clone()),
        };
        let gate = Arc::new(gate);
        self.put(own.clone(), Place::Awake(gate.clone()));
        rounds.join(own, &gate);
        let now = self.context.clock.now();
        rounds.go(|key, gate| self.rest(key, gate, now));
        gate
    }

    /// Puts a gate to rest if it is not in use. Returns the gate if it is to be checked again later.
    fn rest(&self, key: &Key, gate: Arc<Gate>, now: i64) -> Option<Arc<Gate>> {
        // Two references are expected: that of the cache, and this one.
        if !gate.try_rest(now) || Arc::strong_count(&gate) > 2 {
            return Some(gate);
        }
        let place = self.take(key.clone())?;
        let (place, again) = match place {
            Place::Awake(own) if Arc::ptr_eq(&own, &gate) => {
                drop(gate);
                match own.into_resting() {
                    Ok(resting) => (Place::Resting(resting), None),
                    // Another thread has got the gate before its place was marked as taken.
                    Err(own) => (Place::Awake(own.clone()), Some(own)),
                }
            }
            // The gate was forgotten meanwhile, and the place belongs to another one.
            other => (other, None),
        };
        self.put(key.clone(), place);
        again
    }

    /// Takes the content of a place. Until something is put there again, the place is marked as taken, and others who
    /// want the gate wait for the lock of [`rounds`](Self::rounds).
    fn take(&self, key: Key) -> Option<Place> {
        let mut before = None;
        self.cache.replace_with_lifecycle(key, Place::Taken, true, &mut before).ok()?;
        before
    }

    fn put(&self, key: Key, place: Place) {
        // A soft replacement, which does not count as a use of the entry.
        if let Err((key, place)) = self.cache.replace(key, place, true) {
            self.cache.insert(key, place);
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn resolver(&self) -> &Arc<Resolver> {
        &self.context.resolver
    }
}
