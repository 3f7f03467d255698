//! The trait.

use std::{fmt::Debug, future::Future, pin::Pin, sync::Arc};

use super::{Diagnostics, Namespaces, Records, StoreError, StoreErrorKind};
use crate::{
    clock::StoreTime,
    model::{BucketKey, BucketState, Create, Split, Update},
};

/// A future that a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done: the bucket as it is now.
    Applied(BucketState),
    /// A condition failed and nothing was done: the bucket as it is, or that there is none.
    Refused(Option<BucketState>),
}

/// Keeps bucket shards and executes conditional writes on them, each atomically.
///
/// # Contract
/// - A write is done whole or not at all, and sees every earlier write of every process.
/// - A bucket whose `expires_at` is not after the write's `now` counts as absent: updates are
///   refused (the expired state may be returned), [`create`](Store::create) replaces it.
/// - An update of a bucket that does not exist is refused and creates nothing.
/// - Every bucket attribute that a write does not name stays as it is.
pub trait Store: Debug + Send + Sync + 'static {
    /// Reads a bucket, consistently. One round trip.
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>>;

    /// Executes a conditional update. One round trip, one write unit for items below 1 KiB.
    fn update<'a>(&'a self, bucket: &'a BucketKey, update: &'a Update) -> StoreFuture<'a, Outcome>;

    /// Creates a bucket where there is none or it has expired. One round trip, one write unit.
    fn create<'a>(&'a self, bucket: &'a BucketKey, create: &'a Create) -> StoreFuture<'a, Outcome>;

    /// Executes updates of several buckets or shards, all of them or none; no two of the same. False where a
    /// condition failed. One round trip, two write units each.
    ///
    /// A store whose buckets are never split needs none, unless somebody asks for a
    /// [transaction](crate::limiter::Acquire::in_one_transaction).
    fn transact<'a>(&'a self, _: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        unsplittable()
    }

    /// Doubles the shards of a bucket, all of them or none: shard `i` of `n` gives half of its tokens to
    /// the new shard `i + n`, so that the sum stays what it is. False where the bucket is not what it was
    /// any more. Two round trips, two write units for each shard there will be.
    ///
    /// A store that has no bound for the writes of one bucket needs none.
    fn split<'a>(&'a self, _: &'a BucketKey, _: &'a Split) -> StoreFuture<'a, bool> {
        unsplittable()
    }

    /// Returns `true` if its namespace is still registered: a table that was deleted and made again has another one.
    /// One round trip. Asked if the table or a bucket is gone that should be there.
    ///
    /// A store without a registry always is.
    fn is_registered(&self) -> StoreFuture<'_, bool> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// What it keeps beside buckets: stored limits, entities, history. `None` where it keeps
    /// nothing: every acquire has to bring its limits then.
    fn records(&self) -> Option<&dyn Records> {
        None
    }

    /// Its namespaces. `None` where it has none: it is one by itself then.
    fn namespaces(&self) -> Option<&dyn Namespaces> {
        None
    }

    /// What its answers tell about its time. `None` where they tell nothing.
    fn time(&self) -> Option<Arc<StoreTime>> {
        None
    }

    /// How it does. `None` where it cannot tell: whether it answers shows when a bucket is read.
    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        None
    }
}

fn unsplittable<'a>() -> StoreFuture<'a, bool> {
    let error =
        StoreError::new(StoreErrorKind::NotApplied, "the store neither splits buckets nor changes several at once");
    Box::pin(std::future::ready(Err(error)))
}
