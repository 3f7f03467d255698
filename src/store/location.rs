//! The place of a store's data.

use crate::model::NamespaceId;

/// The place of a limiter's data in a table. Returned by
/// [`RateLimiter::location`](crate::RateLimiter::location).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLocation {
    /// The name of the table.
    pub table: String,
    /// The region of the table, if the client has one.
    pub region: Option<String>,
    /// The name of the namespace, if it was joined by its name.
    pub namespace: Option<String>,
    /// The id of the namespace, which begins every key.
    pub namespace_id: NamespaceId,
}

impl StoreLocation {
    /// Returns the place of a namespace in a table.
    pub fn new(table: impl Into<String>, namespace_id: NamespaceId) -> Self {
        Self {
            table: table.into(),
            region: None,
            namespace: None,
            namespace_id,
        }
    }
}

/// The parts that a store has beside its buckets. Returned by
/// [`RateLimiter::capabilities`](crate::RateLimiter::capabilities).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreCapabilities {
    /// `true` if the store keeps limits, entities and the history.
    pub records: bool,
    /// `true` if the store has namespaces.
    pub namespaces: bool,
    /// `true` if the store can describe its health.
    pub diagnostics: bool,
    /// `true` if the store's answers contain the time, which corrects clocks.
    pub time: bool,
}
