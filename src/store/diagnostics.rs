//! The health of a store.

use std::fmt::Debug;

use super::StoreFuture;
use crate::model::StoreStatus;

/// Checks if a store answers, and describes the store.
pub trait Diagnostics: Debug + Send + Sync + 'static {
    /// Checks that the store answers, with the cheapest call that it has. One round trip.
    fn ping(&self) -> StoreFuture<'_, ()>;

    /// Returns a description of the store. A few round trips. A field that cannot be found out
    /// stays empty.
    fn describe(&self) -> StoreFuture<'_, StoreStatus>;
}
