//! Errors.

use tollgate::Error;
use tollgate_ops::limits::LimitsError;

/// The reason why limits were not planned or applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProvisionError {
    /// The event is wrong.
    #[error("{0}")]
    Event(String),
    /// The table or the namespace does not exist.
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Library(#[from] Error),
    #[error("{0}")]
    Limits(#[from] LimitsError),
    /// Another apply still works on buckets, or died with them.
    #[error(
        "the buckets of {count} configs are left to another apply, which works on them or was interrupted: apply again in a \
         minute"
    )]
    Owed { count: usize },
    #[error("the time of the function is over: apply again to continue")]
    Late,
}

impl ProvisionError {
    /// Returns the kind, as the function's error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Event(_) => "InvalidEvent",
            Self::Missing(_) => "NotFound",
            Self::Library(_) | Self::Limits(_) => "ApplyFailed",
            Self::Owed { .. } => "BucketsOwed",
            Self::Late => "Late",
        }
    }
}
