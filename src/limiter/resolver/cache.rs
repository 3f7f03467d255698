//! What was looked up, for a while.

use std::{
    collections::HashMap,
    hash::RandomState,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use serde::Serialize;

use super::{Promise, Promised, Resolution};
use crate::model::{EntityId, Resource};

/// An entity, and the resource that its limits are wanted for.
pub(super) type Key = (EntityId, Resource);

/// How the cache of stored limits does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// Acquires that found what they needed.
    pub hits: u64,
    /// Acquires that had to wait for the store.
    pub misses: u64,
    /// Look-ups in the background, before anybody had to wait.
    pub refreshes: u64,
    /// Times that old entries were served because the store failed.
    pub stale: u64,
    /// Entries.
    pub entries: u64,
}

/// How long an entry that could not be refreshed is served on before the next try: ms.
const STALE_FOR: i64 = 1000;

/// A bounded cache, and the look-ups that are under way.
#[derive(Debug)]
pub(super) struct Cache {
    entries: QuickCache<Key, Arc<Entry>, UnitWeighter, RandomState, DefaultLifecycle<Key, Arc<Entry>>>,
    flights: Mutex<HashMap<Key, Promise>>,
    ttl: i64,
    hits: AtomicU64,
    misses: AtomicU64,
    refreshes: AtomicU64,
    stale: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    resolution: Arc<Resolution>,
    at: i64,
    refreshing: AtomicBool,
}

/// What the cache knows about a key.
pub(super) enum Found {
    /// It.
    Fresh(Arc<Resolution>),
    /// It, but it should be looked up again soon: the first one who is told so does it.
    Aging(Arc<Resolution>),
    /// What it was some time ago.
    Old(Arc<Resolution>),
    Nothing,
}

impl Cache {
    pub(super) fn new(most: usize, ttl: Duration) -> Self {
        Self {
            entries: QuickCache::with(most, most as u64, UnitWeighter, RandomState::new(), DefaultLifecycle::default()),
            flights: Mutex::default(),
            ttl: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }
    }

    /// What is known about `key` at `now` (epoch ms).
    pub(super) fn find(&self, key: &Key, now: i64) -> Found {
        let Some(entry) = self.entries.get(key) else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return Found::Nothing;
        };
        let age = now.saturating_sub(entry.at).max(0);
        if age >= self.ttl {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return Found::Old(entry.resolution.clone());
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        if age >= self.ttl - self.ttl / 5 && !entry.refreshing.swap(true, Ordering::AcqRel) {
            self.refreshes.fetch_add(1, Ordering::Relaxed);
            return Found::Aging(entry.resolution.clone());
        }
        Found::Fresh(entry.resolution.clone())
    }

    /// What is known about `key`, if it was looked up before `since` and nobody looks it up again yet.
    pub(super) fn doubt(&self, key: &Key, since: i64) -> Option<Arc<Resolution>> {
        let entry = self.entries.peek(key)?;
        if entry.resolution.known_at >= since || entry.refreshing.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.refreshes.fetch_add(1, Ordering::Relaxed);
        Some(entry.resolution.clone())
    }

    /// What was put last, however old it is: for when nothing can be looked up.
    pub(super) fn last_known(&self, key: &Key) -> Option<Arc<Resolution>> {
        self.entries.get(key).map(|entry| entry.resolution.clone())
    }

    pub(super) fn put(&self, key: Key, resolution: Arc<Resolution>, now: i64) {
        self.entries.insert(key, Arc::new(Entry { resolution, at: now, refreshing: AtomicBool::new(false) }));
    }

    /// Keeps what could not be looked up again for a little longer, so that nobody waits for a
    /// store that is down: the next try comes within a second, in the background.
    pub(super) fn put_stale(&self, key: Key, resolution: Arc<Resolution>, now: i64) {
        self.stale.fetch_add(1, Ordering::Relaxed);
        self.put(key, resolution, now.saturating_sub(self.ttl).saturating_add(STALE_FOR.min(self.ttl)));
    }

    /// The look-up of `key` that is under way, or the one that `start` starts.
    pub(super) fn flight(&self, key: &Key, start: impl FnOnce() -> Promise) -> Promise {
        let mut flights = self.flights();
        if let Some(promise) = flights.get(key).filter(|promise| promise.has_changed().is_ok()) {
            return promise.clone();
        }
        let promise = start();
        flights.insert(key.clone(), promise.clone());
        promise
    }

    /// Returns `true` if nobody waits for a look-up that has not begun, and nobody can join it any more.
    pub(super) fn is_abandoned(&self, key: &Key, promise: &tokio::sync::watch::Sender<Promised>) -> bool {
        let mut flights = self.flights();
        let kept = flights.get(key).is_some_and(|current| current.same_channel(&promise.subscribe()));
        // The one that is kept here waits for nothing.
        let abandoned = promise.receiver_count() <= usize::from(kept);
        if abandoned && kept {
            flights.remove(key);
        }
        abandoned
    }

    /// A look-up is over.
    pub(super) fn landed(&self, key: &Key, promise: &Promise) {
        let mut flights = self.flights();
        if flights.get(key).is_some_and(|current| current.same_channel(promise)) {
            flights.remove(key);
        }
    }

    /// Forgets entries, and lets nobody join a look-up of theirs that is under way.
    pub(super) fn forget(&self, changed: impl Fn(&Key) -> bool) {
        self.flights().retain(|key, _| !changed(key));
        self.entries.retain(|key, _| !changed(key));
    }

    pub(super) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refreshes: self.refreshes.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
            entries: self.entries.len() as u64,
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Promise>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
