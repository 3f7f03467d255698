//! What can go wrong with a store.

use std::{error::Error as StdError, sync::Arc};

/// How much is known about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store refused for now and did nothing: throttled, or in conflict with a transaction.
    Busy,
    /// The store refused for now and did nothing, because this key is used more often than one partition takes.
    HotKey,
    /// Nothing was done: the store was not reached, or it refused the call for good.
    NotApplied,
    /// Nothing was done: the table does not exist.
    Missing,
    /// The answer was lost: the write may have been done, or may still be.
    Unknown,
    /// The store holds an item that makes no bucket, and nothing was done. Where a write has landed on one, it is
    /// [`Unknown`](Self::Unknown) what came of it.
    Corrupt,
}

/// A store call that failed.
///
/// Clones share the cause: every request of a batch gets one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// An error of that kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// How much is known.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The cause, where there is one.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.source.as_deref()
    }

    /// Returns `true` if the store refused for now, and may do the same call a little later.
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::HotKey)
    }

    /// Returns `true` if the write certainly did not happen.
    pub fn is_not_applied(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Unknown)
    }
}
