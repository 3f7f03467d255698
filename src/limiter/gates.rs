//! The gates of a limiter: one per bucket in use, bounded.
//!
//! Of a gate that nobody uses or holds a record is kept in its [`place`], and it is made anew from that when
//! somebody asks. [`rounds`] say when.

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

/// Finds and keeps gates. A gate that is forgotten takes no decision with it: it knew an image
/// of its bucket, and the next write brings another. A gate that has something to write is kept.
#[derive(Debug)]
pub(super) struct Gates {
    cache: Cache<Key, Place, UnitWeighter, RandomState, KeepBusy>,
    context: Arc<Context>,
    /// Whoever makes or wakes a gate, or lets one rest, holds it: nobody gets a second gate for a bucket
    /// meanwhile. Taken before the cache's own locks, and those before a gate's.
    rounds: Mutex<Rounds>,
}

impl Gates {
    /// Returns `true` if the gate is one of these.
    pub(super) fn are_those_of(&self, gate: &Gate) -> bool {
        gate.is_in(&self.context)
    }

    /// At most about `most` gates that have nothing to write.
    pub(super) fn new(most: usize, context: Context) -> Self {
        let cache = Cache::with(most, most as u64, UnitWeighter, RandomState::new(), KeepBusy);
        Self { cache, context: Arc::new(context), rounds: Mutex::default() }
    }

    /// The gate of a bucket.
    #[inline]
    pub(super) fn get(&self, key: BucketKey) -> Arc<Gate> {
        match self.cache.get(&key) {
            Some(Place::Awake(gate)) => gate,
            _ => self.wake(key),
        }
    }

    /// The gate of a bucket that has none, or whose gate is at rest.
    #[cold]
    fn wake(&self, key: BucketKey) -> Arc<Gate> {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.cache.peek(&key);
        if let Some(Place::Awake(gate)) = known {
            // Somebody was faster.
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

    /// Puts a gate to rest that nobody uses or holds. The gate again, if it is to be looked at later.
    fn rest(&self, key: &Key, gate: Arc<Gate>, now: i64) -> Option<Arc<Gate>> {
        // The cache has it, and this one.
        if !gate.try_rest(now) || Arc::strong_count(&gate) > 2 {
            return Some(gate);
        }
        let place = self.take(key.clone())?;
        let (place, again) = match place {
            Place::Awake(own) if Arc::ptr_eq(&own, &gate) => {
                drop(gate);
                match own.into_resting() {
                    Ok(resting) => (Place::Resting(resting), None),
                    // Somebody got it before it was taken.
                    Err(own) => (Place::Awake(own.clone()), Some(own)),
                }
            }
            // It was forgotten, and there is another one by now.
            other => (other, None),
        };
        self.put(key.clone(), place);
        again
    }

    /// What is in a place, which is taken until something is put there: who comes meanwhile waits for
    /// [`rounds`](Self::rounds).
    fn take(&self, key: Key) -> Option<Place> {
        let mut before = None;
        self.cache.replace_with_lifecycle(key, Place::Taken, true, &mut before).ok()?;
        before
    }

    fn put(&self, key: Key, place: Place) {
        // As if nobody had touched it: neither counts as a use.
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
