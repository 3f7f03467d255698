//! Looks up the limits that apply to an acquire and the parent that is charged too, and caches
//! them.
//!
//! | case | round trips |
//! |---|---|
//! | cached, younger than its time to live | 0; in the last fifth of this time, one in the background |
//! | cached, but too old | 1, shared by all who ask meanwhile; if the store fails, the old entry is used |
//! | not cached | 1, shared by all who ask meanwhile |
//! | in memory | 0 |

mod cache;
mod look_up_time;
mod own_writes;
mod promise;
mod resolution;
mod stored_mode;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

pub use self::cache::CacheStats;
pub(super) use self::{
    promise::{NOTHING, Resolving, nothing},
    resolution::Resolution,
};

use self::{
    cache::{Cache, CacheKey, Found},
    look_up_time::LookUpTime,
    own_writes::OwnWrites,
    promise::Promise,
    stored_mode::StoredMode,
};
use crate::{
    clock::Clock,
    error::Unavailable,
    limiter::{
        runtime::{Background, CircuitBreaker, StoreCallPermits, watch},
        terms::ConfigVersion,
    },
    model::{BucketKey, ConfigScope, EntityId, Resource, StoredOnUnavailable},
    pause,
    store::{LookUp, ReadConsistency, Store, StoreErrorKind},
    telemetry::{self, Refusals, StoreCall},
};

/// Looks up configs and entities, and caches them.
#[derive(Debug)]
pub(crate) struct Resolver {
    store: Arc<dyn Store>,
    background: Background,
    clock: Arc<dyn Clock>,
    permits: StoreCallPermits,
    deadline: Duration,
    cache: Cache,
    breaker: Arc<CircuitBreaker>,
    refusals: Arc<Refusals>,
    own_writes: OwnWrites,
    /// `true` if nothing is cached: every look-up must show the current state.
    strict: bool,
    /// `true` if a look-up has found no table.
    missing: AtomicBool,
    /// The last known setting of the system's config for an unavailable store. This setting must be
    /// known while the store is down.
    on_unavailable: StoredMode,
}

/// The purpose of a look-up.
#[derive(Clone, Copy)]
enum For {
    /// Requests wait for the look-up. If none waits any more, the look-up does not begin.
    Waiters,
    /// Later requests will use the result.
    Later,
    /// Later requests will use the result, and somebody has just changed the limits.
    Refresh,
}

impl Resolver {
    /// Creates a resolver. `ttl` is how long a look-up is cached; with zero, every acquire looks
    /// up.
    pub(super) fn new(
        store: Arc<dyn Store>,
        background: Background,
        clock: Arc<dyn Clock>,
        permits: StoreCallPermits,
        deadline: Duration,
        (ttl, most): (Duration, usize),
        (breaker, refusals): (Arc<CircuitBreaker>, Arc<Refusals>),
    ) -> Self {
        Self {
            store,
            background,
            clock,
            permits,
            deadline,
            cache: Cache::new(most, ttl),
            breaker,
            refusals,
            own_writes: OwnWrites::default(),
            strict: ttl.is_zero(),
            missing: AtomicBool::new(false),
            on_unavailable: StoredMode::default(),
        }
    }

    /// Returns the resolution for `entity` and `resource`, or the promise of it.
    pub(super) fn resolve(self: &Arc<Self>, entity: &EntityId, resource: &Resource) -> Resolving {
        let key = (entity.clone(), resource.clone());
        match self.cache.find(&key, self.clock.now()) {
            Found::Fresh(resolution) => Resolving::Known(resolution),
            Found::Aging(resolution) => {
                drop(self.look_up(key, Some(resolution.clone()), For::Later));
                Resolving::Known(resolution)
            }
            Found::Old(resolution) => {
                Resolving::Soon(self.look_up(key, Some(resolution), For::Waiters))
            }
            Found::Nothing => Resolving::Soon(self.look_up(key, None, For::Waiters)),
        }
    }

    /// Looks up the limits of a bucket again in the background, because somebody has changed the
    /// bucket's parameters. Does nothing if the cached limits are not older than these parameters.
    pub(super) fn refresh_older(
        self: &Arc<Self>,
        BucketKey {
            entity, resource, ..
        }: &BucketKey,
        version: ConfigVersion,
    ) {
        let key = (entity.clone(), resource.clone());
        if let Some(known) = self.cache.take_older(&key, version) {
            drop(self.look_up(key, Some(known), For::Refresh));
        }
    }

    /// Looks up a bucket's entity and configs now, with strong consistency, and caches the result.
    /// Returns `None` if the store keeps none, or gives no answer.
    pub(super) async fn read(&self, bucket: &BucketKey) -> Option<Arc<Resolution>> {
        self.store.records()?;
        let key = (bucket.entity.clone(), bucket.resource.clone());
        let writes = self.own_writes.count();
        let found = self.ask(&key, ReadConsistency::Strong, || true).await?;
        let resolution = found.inspect_err(telemetry::stale_config).ok()?;
        if self.own_writes.count() == writes {
            self.cache.put(key, resolution.clone(), self.clock.now());
        }
        Some(resolution)
    }

    /// Returns the last known resolution, even if it is old.
    pub(super) fn last_known(
        &self,
        entity: &EntityId,
        resource: &Resource,
    ) -> Option<Arc<Resolution>> {
        self.cache.last_known(&(entity.clone(), resource.clone()))
    }

    /// Removes the entries from the cache that an own write has changed.
    pub(super) fn forget(&self, scope: &ConfigScope) {
        self.own_writes.note();
        match scope {
            ConfigScope::System => self.cache.forget(|_| true),
            ConfigScope::Resource(changed) => {
                self.cache.forget(|(_, resource)| resource == changed)
            }
            ConfigScope::Entity(changed) => self.cache.forget(|(entity, _)| entity == changed),
            ConfigScope::EntityResource(changed, of) => {
                self.cache
                    .forget(|(entity, resource)| entity == changed && resource == of);
            }
        }
    }

    /// Returns `true` once after a look-up has found no table.
    pub(super) fn found_no_table(&self) -> bool {
        self.missing.load(Ordering::Acquire) && self.missing.swap(false, Ordering::AcqRel)
    }

    pub(super) fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Returns the setting of the system's config for an unavailable store, as it was last seen.
    pub(super) fn on_unavailable(&self) -> Option<StoredOnUnavailable> {
        self.on_unavailable.get()
    }

    /// Looks up a key in a task of its own: if the first caller gives up, the others still wait for
    /// it.
    fn look_up(
        self: &Arc<Self>,
        key: CacheKey,
        known: Option<Arc<Resolution>>,
        wanted: For,
    ) -> Promise {
        self.cache.flight(&key, || {
            let (promise, promised) = watch::channel(None);
            let (resolver, key) = (self.clone(), key.clone());
            self.background.spawn(async move {
                let writes = resolver.own_writes.count();
                let consistent = resolver.strict
                    || matches!(wanted, For::Refresh)
                    || resolver.own_writes.are_recent();
                let consistency = if consistent {
                    ReadConsistency::Strong
                } else {
                    ReadConsistency::Eventual
                };
                let wanted = || {
                    !matches!(wanted, For::Waiters) || !resolver.cache.is_abandoned(&key, &promise)
                };
                let Some(result) = resolver.ask(&key, consistency, wanted).await else {
                    return;
                };
                let result = match (result, known) {
                    (Ok(resolution), _) => {
                        if resolver.own_writes.count() == writes {
                            resolver.cache.put(
                                key.clone(),
                                resolution.clone(),
                                resolver.clock.now(),
                            );
                        }
                        Ok(resolution)
                    }
                    (Err(error), Some(known)) => {
                        telemetry::stale_config(&error);
                        resolver
                            .cache
                            .put_stale(key.clone(), known.clone(), resolver.clock.now());
                        Ok(known)
                    }
                    (Err(error), None) => Err(error),
                };
                resolver.cache.ended(&key, &promise.subscribe());
                // Nobody may be waiting any more.
                let _ = promise.send(Some(result));
            });
            promised
        })
    }

    /// Asks the store. Repeats the call while the store throttles, until the deadline. Returns
    /// `None` if nobody wants the answer any more.
    async fn ask(
        &self,
        (entity, resource): &CacheKey,
        consistency: ReadConsistency,
        wanted: impl Fn() -> bool,
    ) -> Option<Result<Arc<Resolution>, Unavailable>> {
        let Some(records) = self.store.records() else {
            return Some(Ok(Arc::new(Resolution::nothing())));
        };
        // Ask the breaker before waiting for a permit: calls that hang may hold all permits.
        if self.breaker.refuses(self.clock.now()) {
            return Some(Err(Unavailable::BreakerOpen));
        }
        let scopes = ConfigScope::levels(entity, resource);
        // The second shard shows that the bucket has several shards. Without this look-up, if the
        // first shard is gone, a new first shard would begin full, although other shards exist.
        let second = BucketKey {
            shard: 1,
            ..BucketKey::new(entity.clone(), resource.clone())
        };
        let call = async {
            loop {
                let permit = self.permits.take().await;
                if !wanted() {
                    return None;
                }
                if !self.breaker.admits(|| self.clock.now()) {
                    return Some(Err(Unavailable::BreakerOpen));
                }
                let begun = LookUpTime::now(&*self.clock);
                let call = records.look_up(Some(entity), &scopes, Some(&second), consistency);
                let call = StoreCall::LookUp.watch(resource, call);
                let found = watch(&self.breaker, &*self.clock, call).await;
                // Give the permit back, so that others can use it during the sleep.
                drop(permit);
                match found {
                    Err(error) if error.is_busy() => {
                        pause::random(5..=25).await;
                    }
                    found => {
                        return Some(
                            found
                                .map(|found| (begun, found))
                                .map_err(Unavailable::Store),
                        );
                    }
                }
            }
        };
        let found = tokio::time::timeout(self.deadline, call)
            .await
            .unwrap_or(Some(Err(Unavailable::Deadline)))?;
        if let Err(Unavailable::Store(error)) = &found {
            self.refusals.note(StoreCall::LookUp, resource, error);
            if error.kind() == StoreErrorKind::Missing {
                self.missing.store(true, Ordering::Release);
            }
        }
        Some(found.map(|(begun, found)| {
            let version = begun.version(&*self.clock, consistency);
            let looked_at = begun.at(&*self.clock);
            self.resolution(&scopes, found, (version, looked_at))
        }))
    }

    fn resolution(
        &self,
        scopes: &[ConfigScope],
        found: LookUp,
        (version, looked_at): (ConfigVersion, i64),
    ) -> Arc<Resolution> {
        // The system's config is the last one.
        if let Some(system) = found.configs.last() {
            let mode = system.as_ref().and_then(|config| config.on_unavailable);
            self.on_unavailable.set(mode);
        }
        let now = self.clock.now();
        let found = LookUp {
            shard: found.shard.filter(|shard| !shard.is_expired(now)),
            ..found
        };
        Arc::new(Resolution::new(scopes, found, version, looked_at))
    }
}
