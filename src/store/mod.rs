//! Stores, which keep buckets and execute one conditional write at a time.
//!
//! A [`Store`] keeps bucket shards and executes the writes of [`model`](crate::model) atomically. A
//! write changes one item. Only requests that draw from several shards and splits of a bucket
//! change several items, in one transaction. A store decides nothing: the planner computes the cost
//! of a request and the refill, and the write carries them as literals and conditions.
//!
//! Besides buckets, a store can keep [`Records`] (stored limits, entities, history, usage), have
//! [`NamespaceStore`] and [`Diagnostics`], and report the [time](Store::time) that corrects clocks.
//!
//! The crate has two stores: [`MemoryStore`], and [`DynamoDbStore`](dynamodb::DynamoDbStore)
//! (feature `dynamodb`). Both pass the conformance suite of the crate `tollgate-testkit`, which
//! also checks a store of your own. The guide has a page with [a whole
//! store](crate::guide::stores).

mod diagnostics;
mod location;
mod memory;
mod records;
mod status_change;
mod traits;
mod waiters;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;

pub use crate::error::store_error::{StoreError, StoreErrorKind, StoreFuture};
pub use diagnostics::Diagnostics;
pub use location::{StoreCapabilities, StoreLocation};
pub use memory::{MemoryStore, WhenFull};
pub use records::{BucketListing, Cursor, LookUp, Page, ReadConsistency, Records, ResourceListing};
pub use status_change::StatusChange;
pub use traits::{NamespaceStore, Store, WriteOutcome};

pub(crate) use memory::{Entry, Home, Spend};
pub(crate) use waiters::{Ticket, Waiters};
