//! The trait.

use std::{fmt::Debug, future::Future, pin::Pin};

use super::{Diagnostics, Namespaces, Records, StoreError};
use crate::model::{BucketKey, BucketState, Create, Update};

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

    /// What it keeps beside buckets: stored limits, entities, history. `None` where it keeps
    /// nothing: every acquire has to bring its limits then.
    fn records(&self) -> Option<&dyn Records> {
        None
    }

    /// Its namespaces. `None` where it has none: it is one by itself then.
    fn namespaces(&self) -> Option<&dyn Namespaces> {
        None
    }

    /// How it does. `None` where it cannot tell: whether it answers shows when a bucket is read.
    fn diagnostics(&self) -> Option<&dyn Diagnostics> {
        None
    }
}
