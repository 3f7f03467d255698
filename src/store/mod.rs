//! Where buckets live: one conditional write at a time.
//!
//! A [`Store`] keeps bucket shards and executes the writes of [`model`](crate::model) atomically,
//! one item each; only where a request draws from several shards of a bucket, or a bucket is split,
//! several in one transaction. It decides nothing: what a request costs, whether it fits and how far a bucket
//! has refilled is settled before, and carried as literals and conditions.
//!
//! Beside buckets a store can keep [`Records`] (stored limits, entities, history, usage), have
//! [`Namespaces`] and [`Diagnostics`], and tell the [time](Store::time) that corrects clocks.
//!
//! Two stores come with the crate: [`MemoryStore`], and [`DynamoDbStore`](dynamodb::DynamoDbStore)
//! (feature `dynamodb`). Both pass one conformance suite, which a store of your own can follow.

mod diagnostics;
mod error;
mod memory;
mod namespaces;
mod records;
mod traits;
mod waiters;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;

pub use diagnostics::Diagnostics;
pub use error::{StoreError, StoreErrorKind};
pub use memory::{MemoryStore, WhenFull};
pub use namespaces::{Namespaces, StatusChange};
pub use records::{BucketListing, Cursor, LookUp, Page, Records, ResourceListing};
pub use traits::{Outcome, Store, StoreFuture};

pub(crate) use memory::{Entry, Home, Spend, apply};
pub(crate) use waiters::{Ticket, Waiters};
