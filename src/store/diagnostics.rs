//! How a store does.

use std::fmt::Debug;

use super::StoreFuture;
use crate::model::StoreStatus;

/// Tells whether a store answers, and what it is.
pub trait Diagnostics: Debug + Send + Sync + 'static {
    /// Asks for as little as there is. One round trip.
    fn ping(&self) -> StoreFuture<'_, ()>;

    /// What the store is. A few round trips; what cannot be found out is left out.
    fn describe(&self) -> StoreFuture<'_, StoreStatus>;
}
