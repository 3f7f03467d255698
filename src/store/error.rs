//! What can go wrong with a store.

use std::{error::Error as StdError, fmt, sync::Arc};

/// How much is known about a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store refused for now and did nothing: throttled, or in conflict with a transaction.
    Busy,
    /// The store refused for now and did nothing, because this key is used more often than one partition takes.
    HotKey,
    /// Nothing was done: the store was not reached, or it has no room.
    NotApplied,
    /// Nothing was done, and the same call is refused until somebody changes something: permissions are missing,
    /// credentials are unknown or have expired, the call is not valid.
    Rejected,
    /// Nothing was done: the table does not exist.
    Missing,
    /// The answer was lost: the write may have been done, or may still be.
    Unknown,
    /// The store holds an item that makes no bucket, and nothing was done. Where a write has landed on one, it is
    /// [`Unknown`](Self::Unknown) what came of it.
    Corrupt,
}

impl StoreErrorKind {
    /// Returns `true` if the store is down or busy, and may answer again by itself. Returns `false` if the failure lasts
    /// until somebody mends it: [`Rejected`](Self::Rejected), [`Missing`](Self::Missing), [`Corrupt`](Self::Corrupt).
    pub fn is_outage(self) -> bool {
        !matches!(self, Self::Rejected | Self::Missing | Self::Corrupt)
    }
}

/// A store call that failed.
///
/// Its text is one line that says all there is to say, causes included. So it has no
/// [`source`](std::error::Error::source): a reporter that prints the chain would say everything twice. The cause itself,
/// such as the error of the SDK, is what [`cause`](Self::cause) returns.
///
/// Clones share the cause: every request of a batch gets one.
#[derive(Clone, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    permission: Option<String>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// In one line: the cause's own would be a page.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}, {:?})", self.kind, self.message)
    }
}

impl StoreError {
    /// An error of that kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), permission: None, cause: None }
    }

    /// The same error with its cause, of which the message says what there is to say.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(source));
        self
    }

    /// The same error, whose text ends in `hint`.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.message = format!("{}; {hint}", self.message);
        self
    }

    /// The same error, with the permission that the credentials lack, such as `dynamodb:PutItem`.
    #[must_use]
    pub fn with_missing_permission(mut self, permission: impl Into<String>) -> Self {
        self.permission = Some(permission.into());
        self
    }

    /// Returns the permission that the credentials lack, such as `dynamodb:PutItem`, if the store names it.
    pub fn missing_permission(&self) -> Option<&str> {
        self.permission.as_deref()
    }

    /// How much is known.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The cause, where there is one.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.cause.as_deref()
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
