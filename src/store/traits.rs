//! The [`Store`] trait, and the trait of its namespaces.

use std::{fmt::Debug, sync::Arc};

use super::{
    Cursor, Diagnostics, Page, Records, StatusChange, StoreError, StoreErrorKind, StoreFuture,
    StoreLocation,
};
use crate::{
    clock::StoreTime,
    model::{
        BucketKey, BucketState, Create, NamespaceId, NamespaceInfo, NamespaceName, Split, Update,
    },
};

/// The result of a conditional write.
///
/// Exhaustive on purpose: a condition holds or fails, and all other results are errors. A wrapper
/// of a store should not compile if it forgets one of the two.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteOutcome {
    /// The write was done. Contains the bucket after the write.
    Applied(BucketState),
    /// A condition failed and nothing was done. Contains the bucket as it is, or `None` if it does
    /// not exist.
    Refused(Option<BucketState>),
}

/// Keeps bucket shards and executes conditional writes on them, each atomically.
///
/// # Contract
/// - A write is done completely or not at all, and sees every earlier write of every process.
/// - A bucket whose `expires_at` is not after the write's `now` counts as absent: updates are
///   refused (the expired state may be returned), [`create`](Store::create) replaces it.
/// - An update of a bucket that does not exist is refused and creates nothing.
/// - Every bucket attribute that a write does not name stays as it is.
pub trait Store: Debug + Send + Sync + 'static {
    /// Reads a bucket with strong consistency. One round trip.
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>>;

    /// Executes a conditional update. One round trip, one write unit for items below 1 KiB.
    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome>;

    /// Creates a bucket if it does not exist or has expired. One round trip, one write unit.
    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome>;

    /// Executes updates of different buckets or shards, all of them or none. Returns `false` if a
    /// condition failed. One round trip, two write units for each update.
    ///
    /// A store whose buckets are never split does not need this method, unless a caller asks for a
    /// [transaction](crate::limiter::Acquire::in_one_transaction).
    fn transact<'a>(&'a self, _: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        unsplittable()
    }

    /// Doubles the shards of a bucket, all of them or none. Shard `i` of `n` gives half of its
    /// tokens to the new shard `i + n`, so the sum does not change; of a quota at most the new
    /// shard's share. [`Split::halve`] is the reference. Returns `false` if the bucket
    /// has changed in the meantime. Two round trips, two write units for each shard after the
    /// split.
    ///
    /// A store that does not bound the write rate of one bucket does not need this method.
    fn split<'a>(&'a self, _: &'a BucketKey, _: &'a Split) -> StoreFuture<'a, bool> {
        unsplittable()
    }

    /// Returns `true` if the namespace of the store is still registered. A table that was deleted
    /// and created again has another namespace. One round trip. The limiter calls this if the table
    /// or a bucket is unexpectedly missing.
    ///
    /// The default, for a store without a registry, is `true`.
    fn is_registered(&self) -> StoreFuture<'_, bool> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Returns the records: stored limits, entities, history. `None` if the store keeps no records;
    /// then every acquire has to pass its limits.
    fn records(&self) -> Option<&dyn Records> {
        None
    }

    /// Returns the namespaces. `None` if the store has only one.
    fn namespaces(&self) -> Option<&dyn NamespaceStore> {
        None
    }

    /// Returns the store's time, as learned from its answers. `None` if they contain no time.
    fn time(&self) -> Option<Arc<StoreTime>> {
        None
    }

    /// Returns the place of the buckets. Default: `None`, for a store without tables.
    fn location(&self) -> Option<StoreLocation> {
        None
    }

    /// Returns the diagnostics. `None` if the store has none; then only the read of a bucket shows
    /// if the store answers.
    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        None
    }
}

/// Manages namespaces, which are isolated from each other: nothing in one can be read or charged
/// from another.
pub trait NamespaceStore: Debug + Send + Sync + 'static {
    /// Returns the same store, scoped to the namespace with that id. Both share the connection.
    fn scoped(&self, id: &NamespaceId) -> Arc<dyn Store>;

    /// Registers a namespace at `now` (epoch ms), or returns the existing one with that name.
    fn register<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, NamespaceInfo>;

    /// Finds an active namespace by its name.
    fn find<'a>(&'a self, name: &'a NamespaceName) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Lists the active namespaces, or those that are deleted and not purged yet.
    fn list<'a>(
        &'a self,
        active: bool,
        from: Option<&'a Cursor>,
    ) -> StoreFuture<'a, Page<NamespaceInfo>>;

    /// Deletes a namespace at `now` (epoch ms). Its name becomes free, its items stay. Returns
    /// `None` if there is no namespace with that name.
    fn delete<'a>(
        &'a self,
        name: &'a NamespaceName,
        now: i64,
    ) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Makes a deleted namespace active again, under its name.
    fn recover<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, StatusChange>;

    /// Marks a deleted namespace as being purged: from then on it cannot be recovered.
    fn begin_purge<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, StatusChange>;

    /// Deletes some items of a namespace that is being purged, and finally its record. Returns the
    /// number of deleted items; 0 if nothing is left.
    fn purge_some<'a>(&'a self, id: &'a NamespaceId) -> StoreFuture<'a, u64>;
}

fn unsplittable<'a>() -> StoreFuture<'a, bool> {
    let error = StoreError::new(
        StoreErrorKind::Rejected,
        "the store supports neither splits nor transactions",
    );
    Box::pin(std::future::ready(Err(error)))
}
