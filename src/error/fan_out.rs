//! A change that did not reach all buckets.

use super::Error;

/// A change that was stored and then carried to buckets, but not to all of them. Buckets that it
/// has not reached behave as before. The same call can be made again: it begins anew, and
/// does no harm to buckets that it has reached before.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the change is stored, but stopped after {done} buckets: {error}; make the same call again to \
     finish it"
)]
#[non_exhaustive]
pub struct FanOutIncomplete {
    /// The number of buckets (each shard counts) that were changed.
    pub done: u64,
    /// The error that stopped it.
    pub error: Box<Error>,
}

impl FanOutIncomplete {
    pub(crate) fn new(done: u64, error: Error) -> Self {
        Self {
            done,
            error: Box::new(error),
        }
    }
}

impl From<FanOutIncomplete> for Error {
    fn from(error: FanOutIncomplete) -> Self {
        Self::FanOut(Box::new(error))
    }
}
