//! Errors.

use tollgate::{Error, error::Unavailable, model::InvalidLimits, store::StoreError};

use crate::error::OpsError;

/// The reason why limits could not be compared or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The library failed.
    #[error(transparent)]
    Library(#[from] Error),
    /// A call to the table failed.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// The limiter has no table.
    #[error("the limiter has no table: limits as code compare a file with one")]
    NoTable,
    /// The manifest is of another namespace than the limiter.
    #[error("the manifest is of the namespace {manifest}, and the limiter of {limiter}")]
    Namespace {
        /// The namespace of the manifest.
        manifest: String,
        /// The namespace of the limiter.
        limiter: String,
    },
    /// The record of managed configs is or would be larger than DynamoDB allows. Nothing was written.
    #[error(
        "the list of the file's configs is longer than the 400 KB that an item of the table takes: nothing was written; \
         split the file into namespaces, or store the limits of some entities by `entity set-limits`"
    )]
    TooMany,
    /// A stored config has an attribute that this version does not understand.
    #[error(
        "{scope} has {attribute}, which this version does not understand: a newer version is needed"
    )]
    NotUnderstood {
        /// The config.
        scope: String,
        /// The attribute.
        attribute: String,
    },
    /// A stored config has limits that no manifest can declare.
    #[error(
        "{scope} cannot be in a file of limits: {source}; change its limits, then export again"
    )]
    NotDeclarable {
        /// The config.
        scope: String,
        /// The reason.
        source: InvalidLimits,
    },
    /// Another apply began after the plan was made. Nothing was written.
    #[error(
        "another apply began after this one had read the table: nothing was written; plan again"
    )]
    Concurrent,
    /// Another apply began before this one ended. What this one has written stays managed.
    #[error(
        "another apply began before this one ended, which then stopped: {done} changes were written, and the other may have \
         written over them; plan again"
    )]
    Overtaken {
        /// The number of changes that were written.
        done: usize,
    },
    /// A change failed. The changes before it are written.
    #[error(
        "{change} failed: {source}; {done} of {of} changes are written: apply again to continue"
    )]
    Midway {
        /// The change.
        change: String,
        /// The number of changes that were written.
        done: usize,
        /// The number of changes of the plan.
        of: usize,
        /// The reason.
        source: Box<Self>,
    },
}

impl From<StoreError> for LimitsError {
    fn from(error: StoreError) -> Self {
        Self::Library(Unavailable::Store(error).into())
    }
}
