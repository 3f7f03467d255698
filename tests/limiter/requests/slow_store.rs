//! A slow memory store that counts the calls in flight and records the entity of each call, and a
//! limiter over it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tollgate::{
    EntityId, Limit, RateLimiter, Resource,
    limiter::{Acquire, RateLimiterBuilder},
    model::{
        AuditEvent, AuditSubject, BreakerState, BucketKey, BucketState, ConfigScope, Create,
        Entity, Split, StoredConfig, Update, WriteId,
    },
    store::{
        BucketListing, Cursor, LookUp, MemoryStore, Page, ReadConsistency, Records,
        ResourceListing, Store, StoreError, StoreErrorKind, StoreFuture, WriteOutcome,
    },
};

use super::{
    fixture::{START, key},
    flaky_store::RuntimeClock,
};

/// A deadline that is never missed.
pub(super) const PATIENT: Duration = Duration::from_secs(60);

/// The duration of a call that never ends.
pub(super) const NEVER: Duration = Duration::from_secs(1_000_000);

/// A limiter over a [`SlowStore`], and the limit that its requests ask for.
pub(super) struct Setting {
    pub(super) store: Arc<SlowStore>,
    pub(super) limiter: RateLimiter,
    pub(super) limit: Limit,
}

impl Setting {
    /// Creates a store whose calls all take this long.
    pub(super) fn new(takes: Duration) -> Self {
        Self::with(takes, |builder| builder)
    }

    pub(super) fn with(
        takes: Duration,
        change: impl FnOnce(RateLimiterBuilder) -> RateLimiterBuilder,
    ) -> Self {
        let store = Arc::new(SlowStore::taking(takes));
        let builder = change(RateLimiter::builder().clock(RuntimeClock::start()));
        let limiter = builder.build_shared(store.clone()).unwrap();
        Self {
            store,
            limiter,
            limit: Limit::per_hour("tokens", 8000),
        }
    }

    pub(super) fn ask(&self, who: &str) -> Acquire {
        self.limiter.acquire(who, "api").limits(self.limit.clone())
    }

    /// Returns a request without look-ups.
    pub(super) fn alone(&self, who: &str) -> Acquire {
        self.ask(who).without_parent()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.limiter.breaker_state() == BreakerState::Closed
    }

    pub(super) async fn family(&self) {
        for kid in ["ann", "bob"] {
            let kid = Entity::new(kid.try_into().unwrap())
                .with_parent("org".try_into().unwrap())
                .cascading();
            self.limiter.entities().create(kid).await.unwrap();
        }
    }

    /// Creates a bucket of 8 shards that the limiter has not seen.
    pub(super) async fn sharded(&self, who: &str) {
        let other = RateLimiter::builder()
            .clock(RuntimeClock::start())
            .build_shared(self.store.clone())
            .unwrap();
        let acquire = other.acquire(who, "api").limits(self.limit.clone());
        acquire
            .deadline(PATIENT)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        for shard_count in [1, 2, 4] {
            let split = Split::new(WriteId::from_number(shard_count.into()), START, shard_count);
            assert!(
                self.store
                    .inner
                    .split(&key(who, "api"), &split)
                    .await
                    .unwrap()
            );
        }
    }

    /// Returns the consumption of a bucket in the store, in millitokens.
    pub(super) async fn consumed(&self, who: &str) -> i64 {
        let state = self.store.inner.read(&key(who, "api")).await.unwrap();
        state.expect("there is a bucket").limits()[0].consumed
    }
}

#[derive(Debug, Default)]
pub(super) struct SlowStore {
    pub(super) inner: MemoryStore,
    takes: Mutex<Duration>,
    late: Mutex<HashMap<&'static str, Duration>>,
    updates: Mutex<Vec<Update>>,
    fails: Mutex<HashMap<&'static str, StoreErrorKind>>,
    flying: AtomicUsize,
    most: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) what: &'static str,
    pub(super) entity: String,
    pub(super) at: Instant,
}

struct CallInFlight<'a>(&'a SlowStore);

impl Drop for CallInFlight<'_> {
    fn drop(&mut self) {
        self.0.flying.fetch_sub(1, Ordering::SeqCst);
    }
}

impl SlowStore {
    /// Creates a store whose calls all take this long.
    pub(super) fn taking(time: Duration) -> Self {
        Self {
            takes: Mutex::new(time),
            ..Self::default()
        }
    }

    pub(super) fn take(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// Delays the answers to these calls from now on.
    pub(super) fn answer_late(&self, what: &'static str, time: Duration) {
        self.late.lock().unwrap().insert(what, time);
    }

    /// Returns the updates that were sent, with those of transactions.
    pub(super) fn updates(&self) -> Vec<Update> {
        self.updates.lock().unwrap().clone()
    }

    /// Makes these calls fail from now on; `None` ends the failure.
    pub(super) fn fail(&self, what: &'static str, kind: impl Into<Option<StoreErrorKind>>) {
        let mut fails = self.fails.lock().unwrap();
        match kind.into() {
            Some(kind) => fails.insert(what, kind),
            None => fails.remove(what),
        };
    }

    /// Returns the largest number of calls that were in flight at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Returns the number of calls for entities whose names start with `beginning`.
    pub(super) fn calls_for(&self, beginning: &str) -> usize {
        self.calls()
            .iter()
            .filter(|call| call.entity.starts_with(beginning))
            .count()
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.calls().iter().filter(|call| call.what == what).count()
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        what: &'static str,
        entity: &str,
        call: impl FnOnce() -> StoreFuture<'a, T> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        let entity = entity.to_owned();
        Box::pin(async move {
            self.calls.lock().unwrap().push(Call {
                what,
                entity,
                at: Instant::now(),
            });
            self.most.fetch_max(
                self.flying.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            let _flying = CallInFlight(self);
            let takes = *self.takes.lock().unwrap();
            tokio::time::sleep(takes).await;
            let fails = self.fails.lock().unwrap().get(what).copied();
            let answer = match fails {
                Some(kind) => Err(StoreError::new(kind, "the test says so")),
                None => call().await,
            };
            let late = self.late.lock().unwrap().get(what).copied();
            if let Some(late) = late {
                tokio::time::sleep(late).await;
            }
            answer
        })
    }

    fn records(&self) -> &dyn Records {
        self.inner.records().expect("it keeps records")
    }
}

impl Store for SlowStore {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.call("read", bucket.entity.as_str(), move || {
            self.inner.read(bucket)
        })
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.updates.lock().unwrap().push(update.clone());
        self.call("update", bucket.entity.as_str(), move || {
            self.inner.update(bucket, update)
        })
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.call("create", bucket.entity.as_str(), move || {
            self.inner.create(bucket, create)
        })
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        self.updates
            .lock()
            .unwrap()
            .extend(updates.iter().map(|(_, update)| update.clone()));
        self.call("transact", updates[0].0.entity.as_str(), move || {
            self.inner.transact(updates)
        })
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        self.call("split", bucket.entity.as_str(), move || {
            self.inner.split(bucket, split)
        })
    }

    fn is_registered(&self) -> StoreFuture<'_, bool> {
        self.call("is_registered", "", || self.inner.is_registered())
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }
}

/// Of the record calls, only look-ups take time.
impl Records for SlowStore {
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
        consistency: ReadConsistency,
    ) -> StoreFuture<'a, LookUp> {
        let whom = entity.map_or("", EntityId::as_str);
        self.call("look_up", whom, move || {
            self.records().look_up(entity, scopes, shard, consistency)
        })
    }

    fn put_config<'a>(
        &'a self,
        scope: &'a ConfigScope,
        config: &'a StoredConfig,
    ) -> StoreFuture<'a, ()> {
        self.records().put_config(scope, config)
    }

    fn delete_config<'a>(&'a self, scope: &'a ConfigScope) -> StoreFuture<'a, bool> {
        self.records().delete_config(scope)
    }

    fn list_resources(&self, listing: ResourceListing) -> StoreFuture<'_, Vec<Resource>> {
        self.records().list_resources(listing)
    }

    fn list_entities_with_limits<'a>(
        &'a self,
        resource: Option<&'a Resource>,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<EntityId>> {
        self.records().list_entities_with_limits(resource, from)
    }

    fn create_entity<'a>(&'a self, entity: &'a Entity) -> StoreFuture<'a, bool> {
        self.records().create_entity(entity)
    }

    fn delete_entity<'a>(&'a self, entity: &'a EntityId) -> StoreFuture<'a, u64> {
        self.records().delete_entity(entity)
    }

    fn list_children<'a>(
        &'a self,
        parent: &'a EntityId,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<Entity>> {
        self.records().list_children(parent, from)
    }

    fn list_buckets<'a>(
        &'a self,
        listing: &'a BucketListing,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<(BucketKey, BucketState)>> {
        self.records().list_buckets(listing, from)
    }

    fn append_audit<'a>(&'a self, event: &'a AuditEvent, expires_at: i64) -> StoreFuture<'a, ()> {
        self.records().append_audit(event, expires_at)
    }

    fn list_audit<'a>(
        &'a self,
        subject: &'a AuditSubject,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<AuditEvent>> {
        self.records().list_audit(subject, from)
    }
}
