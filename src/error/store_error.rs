//! Errors of a store.

use std::{error::Error as StdError, fmt, pin::Pin, sync::Arc};

/// A future that a [`Store`](crate::store::Store) returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The kind of a failed call, which shows if the call may have changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store refused the call for now and did nothing: it throttled, or a transaction was in
    /// progress.
    Busy,
    /// The store refused the call for now and did nothing, because this key is used more often than
    /// one partition allows.
    HotKey,
    /// Nothing was done: the store was not reached, or it could not do the call for now.
    NotApplied,
    /// Nothing was done, because the store is full of buckets in use. A full store is no outage:
    /// clients fill a store with keys that they make up.
    Full,
    /// Nothing was done, and the store refuses the same call until somebody changes something:
    /// permissions are missing, credentials are unknown or have expired, or the call is not valid.
    Rejected,
    /// Nothing was done: the table does not exist.
    Missing,
    /// Nothing was done: the table lacks an index that the call needs. The table belongs to another
    /// program, or is incomplete.
    NotOurs,
    /// The answer was lost: the write may have been done, or may still be done.
    Unknown,
    /// The store holds an item that is not a valid bucket, and nothing was done. If a write was
    /// done to such an item, its error is [`Unknown`](Self::Unknown).
    Corrupt,
}

impl StoreErrorKind {
    /// Returns `true` if the store is down or busy, and may recover by itself. Returns `false` if
    /// the failure lasts until somebody fixes it ([`Rejected`](Self::Rejected),
    /// [`Missing`](Self::Missing), [`NotOurs`](Self::NotOurs), [`Corrupt`](Self::Corrupt)), and if
    /// clients can cause it ([`Full`](Self::Full)).
    pub fn is_outage(self) -> bool {
        !matches!(
            self,
            Self::Full | Self::Rejected | Self::Missing | Self::NotOurs | Self::Corrupt
        )
    }

    /// Returns `true` if the store refuses such calls until an operator changes something.
    pub(crate) fn is_lasting_refusal(self) -> bool {
        matches!(self, Self::Rejected | Self::Missing | Self::NotOurs)
    }
}

/// A store call that failed.
///
/// The text of the error is one line that includes all causes. Therefore the error has no
/// [`source`](std::error::Error::source): a reporter that prints the chain would print everything
/// twice. [`cause`](Self::cause) returns the cause itself, for example the error of the SDK.
///
/// Clones share the cause, because every request of a batch gets a clone.
#[derive(Clone, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    permission: Option<String>,
    place: Option<String>,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Prints one line, because the cause's own `Debug` output would fill a page.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({:?}, {:?})", self.kind, self.message)
    }
}

impl StoreError {
    /// Returns an error of that kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            permission: None,
            place: None,
            cause: None,
        }
    }

    /// Returns the same error with its cause. The message must already include the cause's text.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.cause = Some(Arc::new(source));
        self
    }

    /// Returns the same error with the place that was asked, which its text then names.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn with_place(mut self, place: &str) -> Self {
        self.message = format!("{}; DynamoDB was asked {place}", self.message);
        self.place = Some(place.to_owned());
        self
    }

    /// Returns the place that was asked, such as `in region "eu-west-1"`, if the text of the error
    /// names it. It does if [`RateLimiter::open`](crate::RateLimiter::open) did not reach the table.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Returns the same error with the permission that the credentials lack, such as
    /// `dynamodb:PutItem`.
    #[must_use]
    pub fn with_missing_permission(mut self, permission: impl Into<String>) -> Self {
        self.permission = Some(permission.into());
        self
    }

    /// Returns the permission that the credentials lack, such as `dynamodb:PutItem`, if the store
    /// names it.
    pub fn missing_permission(&self) -> Option<&str> {
        self.permission.as_deref()
    }

    /// Returns how much is known about the call.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns the cause, if there is one.
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// Returns `true` if the store refused the call for now, and may accept it a little later.
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::HotKey)
    }

    /// Returns `true` if the write was certainly not done.
    pub fn is_not_applied(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Unknown)
    }
}
