//! A store in memory that takes its time, counts the calls in flight, and notes whom each call was for.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tollgate::{
    EntityId, Resource,
    model::{
        AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Create, Entity, Split, StoredConfig, Update,
    },
    store::{
        BucketListing, Cursor, LookUp, MemoryStore, Outcome, Page, Records, ResourceListing, Store, StoreError,
        StoreErrorKind, StoreFuture,
    },
};

#[derive(Debug, Default)]
pub(super) struct Crowd {
    pub(super) inner: MemoryStore,
    takes: Mutex<Duration>,
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

struct Flying<'a>(&'a Crowd);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.flying.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Crowd {
    /// Every call takes so long.
    pub(super) fn taking(time: Duration) -> Self {
        Self { takes: Mutex::new(time), ..Self::default() }
    }

    pub(super) fn take(&self, time: Duration) {
        *self.takes.lock().unwrap() = time;
    }

    /// Fails these calls from now on, or not.
    pub(super) fn fail(&self, what: &'static str, kind: impl Into<Option<StoreErrorKind>>) {
        let mut fails = self.fails.lock().unwrap();
        match kind.into() {
            Some(kind) => fails.insert(what, kind),
            None => fails.remove(what),
        };
    }

    /// The most calls that were in flight at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How many calls were for entities of that beginning.
    pub(super) fn calls_for(&self, beginning: &str) -> usize {
        self.calls().iter().filter(|call| call.entity.starts_with(beginning)).count()
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
            self.calls.lock().unwrap().push(Call { what, entity, at: Instant::now() });
            self.most.fetch_max(self.flying.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _flying = Flying(self);
            let takes = *self.takes.lock().unwrap();
            tokio::time::sleep(takes).await;
            let fails = self.fails.lock().unwrap().get(what).copied();
            match fails {
                Some(kind) => Err(StoreError::new(kind, "the test says so")),
                None => call().await,
            }
        })
    }

    fn records(&self) -> &dyn Records {
        self.inner.records().expect("it keeps records")
    }
}

impl Store for Crowd {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.call("read", bucket.entity.as_str(), move || self.inner.read(bucket))
    }

    fn update<'a>(&'a self, bucket: &'a BucketKey, update: &'a Update) -> StoreFuture<'a, Outcome> {
        self.call("update", bucket.entity.as_str(), move || self.inner.update(bucket, update))
    }

    fn create<'a>(&'a self, bucket: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, Outcome> {
        self.call("create", bucket.entity.as_str(), move || self.inner.create(bucket, create))
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        self.call("transact", updates[0].0.entity.as_str(), move || self.inner.transact(updates))
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        self.call("split", bucket.entity.as_str(), move || self.inner.split(bucket, split))
    }

    fn records(&self) -> Option<&dyn Records> {
        Some(self)
    }
}

/// Of records, only look-ups take time.
impl Records for Crowd {
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
    ) -> StoreFuture<'a, LookUp> {
        let whom = entity.map_or("", EntityId::as_str);
        self.call("look_up", whom, move || self.records().look_up(entity, scopes, shard))
    }

    fn put_config<'a>(&'a self, scope: &'a ConfigScope, config: &'a StoredConfig) -> StoreFuture<'a, ()> {
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

    fn list_children<'a>(&'a self, parent: &'a EntityId, from: Option<&'a Cursor>) -> StoreFuture<'a, Page<Entity>> {
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
