//! The answer to a commit or a rollback.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use tokio::sync::oneshot;

use crate::store::StoreError;

/// A lease's difference on its way to the store.
///
/// The way does not depend on it: awaiting it tells when the difference is written, dropping it
/// changes nothing.
#[derive(Debug)]
pub struct Settlement(Option<oneshot::Receiver<Result<(), SettleError>>>);

/// A difference that was not written: tokens that should have been given back may be lost, and
/// use beyond the estimate may be uncounted.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// The bucket does not exist any more: it was deleted, or had been full and unused for long.
    #[error("the bucket is gone")]
    Gone,
    /// The write failed, or its answer was lost.
    #[error("the settlement was not written: {0}")]
    Store(#[source] StoreError),
    /// The runtime ended before it was written.
    #[error("the settlement was not written: the runtime was shut down")]
    ShutDown,
}

impl Settlement {
    /// Nothing to write.
    pub(super) fn done() -> Self {
        Self(None)
    }

    pub(super) fn pending(receiver: oneshot::Receiver<Result<(), SettleError>>) -> Self {
        Self(Some(receiver))
    }
}

impl IntoFuture for Settlement {
    type Output = Result<(), SettleError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            match self.0 {
                None => Ok(()),
                Some(receiver) => receiver.await.unwrap_or(Err(SettleError::ShutDown)),
            }
        })
    }
}
