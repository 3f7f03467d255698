//! A cache of stored limits that were looked up, and the look-ups in progress.

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

use super::{
    promise::{Promise, Promised},
    resolution::Resolution,
};
use crate::{
    limiter::terms::ConfigVersion,
    model::{EntityId, Resource},
};

/// An entity, and the resource for which its limits are looked up.
pub(super) type CacheKey = (EntityId, Resource);

/// The counters of the cache of stored limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CacheStats {
    /// The number of acquires that found what they needed.
    pub hits: u64,
    /// The number of acquires that had to wait for the store.
    pub misses: u64,
    /// The number of look-ups in the background, before anybody had to wait.
    pub refreshes: u64,
    /// The number of times that an old entry was kept because the store failed.
    pub stale: u64,
    /// The number of entries.
    pub entries: u64,
}

/// The time for which an entry that could not be refreshed is served before the next try, ms.
const STALE_FOR: i64 = 1000;

/// A bounded cache, and the look-ups in progress.
#[derive(Debug)]
pub(super) struct Cache {
    entries: QuickCache<
        CacheKey,
        Arc<CachedResolution>,
        UnitWeighter,
        RandomState,
        DefaultLifecycle<CacheKey, Arc<CachedResolution>>,
    >,
    flights: Mutex<HashMap<CacheKey, Promise>>,
    ttl: i64,
    hits: AtomicU64,
    misses: AtomicU64,
    refreshes: AtomicU64,
    stale: AtomicU64,
}

#[derive(Debug)]
struct CachedResolution {
    resolution: Arc<Resolution>,
    at: i64,
    refreshing: AtomicBool,
}

/// The cached entry of a key.
pub(super) enum Found {
    /// The entry is current.
    Fresh(Arc<Resolution>),
    /// The entry is current, but should be refreshed soon. Only the first caller gets this answer,
    /// and refreshes the entry.
    Aging(Arc<Resolution>),
    /// The entry has outlived its time to live.
    Old(Arc<Resolution>),
    Nothing,
}

impl Cache {
    pub(super) fn new(most: usize, ttl: Duration) -> Self {
        Self {
            entries: QuickCache::with(
                most,
                most as u64,
                UnitWeighter,
                RandomState::new(),
                DefaultLifecycle::default(),
            ),
            flights: Mutex::default(),
            ttl: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            stale: AtomicU64::new(0),
        }
    }

    /// Returns the entry of `key` at `now` (epoch ms).
    pub(super) fn find(&self, key: &CacheKey, now: i64) -> Found {
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

    /// Returns the entry of `key` if it is older than `version` and nobody refreshes it yet. The
    /// caller must refresh it.
    pub(super) fn take_older(
        &self,
        key: &CacheKey,
        version: ConfigVersion,
    ) -> Option<Arc<Resolution>> {
        let entry = self.entries.peek(key)?;
        if !entry.resolution.version.is_older_than(version)
            || entry.refreshing.swap(true, Ordering::AcqRel)
        {
            return None;
        }
        self.refreshes.fetch_add(1, Ordering::Relaxed);
        Some(entry.resolution.clone())
    }

    /// Returns the last entry of `key`, even if it is old, for the time when nothing can be looked
    /// up.
    pub(super) fn last_known(&self, key: &CacheKey) -> Option<Arc<Resolution>> {
        self.entries.get(key).map(|entry| entry.resolution.clone())
    }

    pub(super) fn put(&self, key: CacheKey, resolution: Arc<Resolution>, now: i64) {
        self.entries.insert(
            key,
            Arc::new(CachedResolution {
                resolution,
                at: now,
                refreshing: AtomicBool::new(false),
            }),
        );
    }

    /// Extends the life of an entry that could not be refreshed, so that nobody waits for a store
    /// that is down. The next try follows within a second, in the background.
    pub(super) fn put_stale(&self, key: CacheKey, resolution: Arc<Resolution>, now: i64) {
        self.stale.fetch_add(1, Ordering::Relaxed);
        self.put(
            key,
            resolution,
            now.saturating_sub(self.ttl)
                .saturating_add(STALE_FOR.min(self.ttl)),
        );
    }

    /// Returns the look-up of `key` that is in progress, or the one that `start` starts.
    pub(super) fn flight(&self, key: &CacheKey, start: impl FnOnce() -> Promise) -> Promise {
        let mut flights = self.flights();
        if let Some(promise) = flights
            .get(key)
            .filter(|promise| promise.has_changed().is_ok())
        {
            return promise.clone();
        }
        let promise = start();
        flights.insert(key.clone(), promise.clone());
        promise
    }

    /// Returns `true` if nobody waits for a look-up that has not begun. Then nobody can join it any
    /// more.
    pub(super) fn is_abandoned(
        &self,
        key: &CacheKey,
        promise: &tokio::sync::watch::Sender<Promised>,
    ) -> bool {
        let mut flights = self.flights();
        let kept = flights
            .get(key)
            .is_some_and(|current| current.same_channel(&promise.subscribe()));
        // The receiver in this map is not one of those who wait.
        let abandoned = promise.receiver_count() <= usize::from(kept);
        if abandoned && kept {
            flights.remove(key);
        }
        abandoned
    }

    /// Removes a look-up that is over.
    pub(super) fn ended(&self, key: &CacheKey, promise: &Promise) {
        let mut flights = self.flights();
        if flights
            .get(key)
            .is_some_and(|current| current.same_channel(promise))
        {
            flights.remove(key);
        }
    }

    /// Removes entries, and lets nobody join the look-ups of their keys that are in progress.
    pub(super) fn forget(&self, changed: impl Fn(&CacheKey) -> bool) {
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

    fn flights(&self) -> MutexGuard<'_, HashMap<CacheKey, Promise>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
