//! What a namespace holds beside its buckets.

use std::{fmt::Debug, future::ready};

use super::StoreFuture;
use crate::model::{
    AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Entity, EntityId, Resource, StoredConfig,
    UsageQuery, UsageSnapshot,
};

/// One page of a listing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows; there may be none although more pages follow.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page.
    pub fn new(rows: Vec<T>, next: Option<Cursor>) -> Self {
        Self { rows, next }
    }
}

/// Where a listing goes on: opaque, and good for the listing that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor that stands for `text`, which only the store understands.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which resources to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceListing {
    /// Those with limits for everybody.
    WithDefaults,
    /// Those for which some entity has limits of its own.
    WithEntityLimits,
}

/// Which buckets to list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BucketListing {
    /// Those of an entity.
    OfEntity(EntityId),
    /// Those of a resource.
    OfResource(Resource),
}

/// An entity and the configs of several scopes, in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LookUp {
    /// The entity, if it was created.
    pub entity: Option<Entity>,
    /// The configs.
    pub configs: Vec<Option<StoredConfig>>,
    /// The shard that was asked for, if it is there.
    pub shard: Option<BucketState>,
}

impl LookUp {
    /// What was found.
    pub fn new(entity: Option<Entity>, configs: Vec<Option<StoredConfig>>) -> Self {
        Self { entity, configs, shard: None }
    }
}

/// Keeps stored limits, entities and their history, beside the buckets of a namespace.
pub trait Records: Debug + Send + Sync + 'static {
    /// Reads an entity, the configs of several scopes, and a shard of a bucket. One round trip.
    fn look_up<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
    ) -> StoreFuture<'a, LookUp>;

    /// As [`look_up`](Self::look_up), but what was written within the last second may be missing, if that costs less. Asked
    /// for what is remembered for a while anyway. Default: the same.
    fn look_up_loosely<'a>(
        &'a self,
        entity: Option<&'a EntityId>,
        scopes: &'a [ConfigScope],
        shard: Option<&'a BucketKey>,
    ) -> StoreFuture<'a, LookUp> {
        self.look_up(entity, scopes, shard)
    }

    /// Stores a config in the place of whatever limits and mode the scope had; what others have
    /// stored beside them stays, but for schedules of limits.
    fn put_config<'a>(&'a self, scope: &'a ConfigScope, config: &'a StoredConfig) -> StoreFuture<'a, ()>;

    /// Deletes a config. False where there was none.
    fn delete_config<'a>(&'a self, scope: &'a ConfigScope) -> StoreFuture<'a, bool>;

    /// Lists resources, by name. One round trip.
    fn list_resources(&self, listing: ResourceListing) -> StoreFuture<'_, Vec<Resource>>;

    /// Lists the entities that have limits of their own: for a resource, or for all of them.
    fn list_entities_with_limits<'a>(
        &'a self,
        resource: Option<&'a Resource>,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<EntityId>>;

    /// Creates an entity. False where it exists.
    fn create_entity<'a>(&'a self, entity: &'a Entity) -> StoreFuture<'a, bool>;

    /// Deletes an entity with its buckets and limits. The number of items that are gone.
    fn delete_entity<'a>(&'a self, entity: &'a EntityId) -> StoreFuture<'a, u64>;

    /// Lists the children of an entity. One round trip.
    fn list_children<'a>(&'a self, parent: &'a EntityId, from: Option<&'a Cursor>) -> StoreFuture<'a, Page<Entity>>;

    /// Lists buckets, shard by shard.
    fn list_buckets<'a>(
        &'a self,
        listing: &'a BucketListing,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<(BucketKey, BucketState)>>;

    /// Adds an event to the history, to be kept until `expires_at` (epoch seconds).
    fn append_audit<'a>(&'a self, event: &'a AuditEvent, expires_at: i64) -> StoreFuture<'a, ()>;

    /// Lists a subject's history, newest first.
    fn list_audit<'a>(
        &'a self,
        subject: &'a AuditSubject,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<AuditEvent>>;

    /// Who the store takes this process for: told in the history where nobody else is named.
    /// Awaited by what changes limits and entities, so it has a short deadline of its own. Default:
    /// nobody known.
    fn principal(&self) -> StoreFuture<'_, Option<String>> {
        Box::pin(ready(Ok(None)))
    }

    /// Lists usage snapshots, the newest windows first. Default: there are none.
    fn list_usage<'a>(
        &'a self,
        _query: &'a UsageQuery,
        _from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<UsageSnapshot>> {
        Box::pin(ready(Ok(Page::new(Vec::new(), None))))
    }
}
