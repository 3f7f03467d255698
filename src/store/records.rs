//! The records of a namespace: everything except its buckets.

use std::{fmt::Debug, future::ready};

use super::{StoreError, StoreErrorKind, StoreFuture};
use crate::model::{
    AuditEvent, AuditSubject, BucketKey, BucketState, ConfigChange, ConfigFlag, ConfigScope,
    Entity, EntityId, Operation, OperationRecord, ParentLink, Resource, StoredConfig, UsageQuery,
    UsageSnapshot,
};

/// One page of a listing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows. A page may have none even if more pages follow.
    pub rows: Vec<T>,
    /// The cursor of the next page; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Returns a page.
    pub fn new(rows: Vec<T>, next: Option<Cursor>) -> Self {
        Self { rows, next }
    }
}

/// The position at which a listing continues. Opaque, and valid only for the listing that returned
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Returns a cursor with a text that only the store understands.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the cursor's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Selects the resources to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceListing {
    /// The resources with limits for all entities.
    WithDefaults,
    /// The resources for which at least one entity has limits of its own.
    WithEntityLimits,
}

/// Selects the buckets to list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BucketListing {
    /// The buckets of an entity.
    OfEntity(EntityId),
    /// The buckets of a resource.
    OfResource(Resource),
    /// All buckets of the namespace, in no particular order, and not necessarily as of their last
    /// write.
    All,
}

/// An entity and the configs of several scopes, in the requested order.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LookUp {
    /// The entity, if it was created.
    pub entity: Option<Entity>,
    /// The configs, one for each requested scope.
    pub configs: Vec<Option<StoredConfig>>,
    /// The requested shard, if it exists.
    pub shard: Option<BucketState>,
}

impl LookUp {
    /// Returns the result of a look-up.
    pub fn new(entity: Option<Entity>, configs: Vec<Option<StoredConfig>>) -> Self {
        Self {
            entity,
            configs,
            shard: None,
        }
    }
}

/// The freshness that a look-up needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadConsistency {
    /// The look-up sees every write that was done before it.
    Strong,
    /// The look-up may miss writes of the last second, if that costs less. For results that are
    /// cached for a while anyway.
    Eventual,
}

/// Manages the records of a namespace: stored limits, entities and their history.
pub trait Records: Debug + Send + Sync + 'static {
    /// Reads an entity, the configs of several scopes, and a shard of a bucket. One round trip.
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
        consistency: ReadConsistency,
    ) -> StoreFuture<'a, LookUp>;

    /// Stores a config. The config replaces the limits and the mode of the scope. Its access and
    /// its cascade rule replace those of the scope if they are set. Other attributes that Python
    /// clients have stored there stay, except schedules of limits.
    fn put_config<'a>(
        &'a self,
        scope: &'a ConfigScope,
        config: &'a StoredConfig,
    ) -> StoreFuture<'a, ()>;

    /// Stores or removes one flag of a config, and leaves the rest of it. Creates a config without
    /// limits if there is none. The default, for a store without flags, is an error.
    fn put_flag<'a>(&'a self, _: &'a ConfigScope, _: ConfigFlag) -> StoreFuture<'a, ()> {
        let error = StoreError::new(StoreErrorKind::Rejected, "the store keeps no flags");
        Box::pin(ready(Err(error)))
    }

    /// Deletes a config. Returns `false` if there is none.
    fn delete_config<'a>(&'a self, scope: &'a ConfigScope) -> StoreFuture<'a, bool>;

    /// Changes some configs and adds the events of the changes to the history, each until its time
    /// (epoch seconds): all of it or nothing. Stores each config with all its flags. Returns
    /// `false` if one of the configs is not as it was read: then nothing is changed. The default,
    /// for a store that changes one config at a time, is an error.
    fn change_configs<'a>(
        &'a self,
        changes: &'a [ConfigChange],
        events: &'a [(AuditEvent, i64)],
    ) -> StoreFuture<'a, bool> {
        let _ = (changes, events);
        let problem = "the store changes one config at a time";
        let error = StoreError::new(StoreErrorKind::Rejected, problem);
        Box::pin(ready(Err(error)))
    }

    /// Lists resources, sorted by name. One round trip.
    fn list_resources(&self, listing: ResourceListing) -> StoreFuture<'_, Vec<Resource>>;

    /// Lists the entities that have limits of their own, for one resource or for all resources.
    fn list_entities_with_limits<'a>(
        &'a self,
        resource: Option<&'a Resource>,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<EntityId>>;

    /// Creates an entity. Returns `false` if it exists.
    fn create_entity<'a>(&'a self, entity: &'a Entity) -> StoreFuture<'a, bool>;

    /// Deletes an entity with its buckets and limits. Returns the number of deleted items.
    fn delete_entity<'a>(&'a self, entity: &'a EntityId) -> StoreFuture<'a, u64>;

    /// Lists the children of an entity. One round trip.
    fn list_children<'a>(
        &'a self,
        parent: &'a EntityId,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<Entity>>;

    /// Lists buckets, shard by shard.
    fn list_buckets<'a>(
        &'a self,
        listing: &'a BucketListing,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<(BucketKey, BucketState)>>;

    /// Returns the shards that exist, of some that may, as of their last write. One round trip for
    /// every hundred. The default, for a store that cannot tell, returns all of them.
    fn existing_shards<'a>(&'a self, shards: &'a [BucketKey]) -> StoreFuture<'a, Vec<BucketKey>> {
        Box::pin(ready(Ok(shards.to_vec())))
    }

    /// Adds an event to the history. The event is kept until `expires_at` (epoch seconds).
    fn append_audit<'a>(&'a self, event: &'a AuditEvent, expires_at: i64) -> StoreFuture<'a, ()>;

    /// Lists a subject's history, newest first.
    fn list_audit<'a>(
        &'a self,
        subject: &'a AuditSubject,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<AuditEvent>>;

    /// Returns the identity of this process as the store sees it. The history shows it if the
    /// caller names nobody. Changes of limits and entities await it, so it needs a short timeout of
    /// its own. Default: `None`.
    fn principal(&self) -> StoreFuture<'_, Option<String>> {
        Box::pin(ready(Ok(None)))
    }

    /// Gives an entity another parent, or none, and adds one to its
    /// [generation](Entity::generation). Returns the entity before and after the move; `None` if it
    /// was not created. One round trip. Default: the store supports no moves.
    fn move_entity<'a>(
        &'a self,
        _entity: &'a EntityId,
        _parent: Option<&'a EntityId>,
    ) -> StoreFuture<'a, Option<(Entity, Entity)>> {
        Box::pin(ready(Err(no_operations())))
    }

    /// Writes the link to its entity's parent to a bucket shard. Returns `false` if there is no such
    /// shard, or if it has a newer link of the same incarnation. One round trip. Default: the store
    /// supports no moves.
    fn stamp_bucket<'a>(
        &'a self,
        _shard: &'a BucketKey,
        _link: &'a ParentLink,
    ) -> StoreFuture<'a, bool> {
        Box::pin(ready(Err(no_operations())))
    }

    /// Makes sure that all clients of the store understand an entity that got another parent. The
    /// default is for a store that only this crate uses.
    ///
    /// # Errors
    /// [`Rejected`](StoreErrorKind::Rejected) if some client does not understand it.
    fn allow_moves(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Reads all shards of a bucket that exist, in their order, with strong consistency. One round
    /// trip for up to two shards, two for more. Default: the store supports no operations.
    fn read_shards<'a>(&'a self, _bucket: &'a BucketKey) -> StoreFuture<'a, Vec<BucketState>> {
        Box::pin(ready(Err(no_operations())))
    }

    /// Reads the record of an operation on a bucket. One round trip. Default: the store supports no
    /// operations.
    fn find_operation<'a>(
        &'a self,
        _bucket: &'a BucketKey,
        _key: &'a str,
    ) -> StoreFuture<'a, Option<OperationRecord>> {
        Box::pin(ready(Err(no_operations())))
    }

    /// Executes an operation on all shards of a bucket, completely or not at all. Returns `false`
    /// if a condition failed: a shard has changed, the bucket to create exists, or there is a
    /// record of the same key. One round trip. Default: the store supports no operations.
    fn operate<'a>(&'a self, _operation: &'a Operation) -> StoreFuture<'a, bool> {
        Box::pin(ready(Err(no_operations())))
    }

    /// Makes sure that all clients of the store understand a quota to which tokens were added. The
    /// default is for a store that only this crate uses.
    ///
    /// # Errors
    /// [`Rejected`](StoreErrorKind::Rejected) if some client does not understand it.
    fn allow_top_up(&self) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Lists usage snapshots, newest windows first. Default: none.
    fn list_usage<'a>(
        &'a self,
        _query: &'a UsageQuery,
        _from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<UsageSnapshot>> {
        Box::pin(ready(Ok(Page::new(Vec::new(), None))))
    }
}

fn no_operations() -> StoreError {
    StoreError::new(
        StoreErrorKind::Rejected,
        "the store does not support operations on buckets",
    )
}
