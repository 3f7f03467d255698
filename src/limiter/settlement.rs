//! The answer to a commit or a rollback.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::error::SettleError;

/// A lease's difference on its way to the store.
///
/// The way does not depend on it: awaiting it tells when the difference is written, dropping it
/// changes nothing.
#[derive(Debug)]
pub struct Settlement(SmallVec<[oneshot::Receiver<Result<(), SettleError>>; 1]>);

impl Settlement {
    /// Nothing to write.
    pub(super) fn done() -> Self {
        Self(SmallVec::new())
    }

    /// Settled when all are.
    pub(super) fn all(settlements: impl Iterator<Item = Self>) -> Self {
        Self(settlements.flat_map(|settlement| settlement.0).collect())
    }

    pub(super) fn pending(receiver: oneshot::Receiver<Result<(), SettleError>>) -> Self {
        Self(SmallVec::from_iter([receiver]))
    }
}

impl IntoFuture for Settlement {
    type Output = Result<(), SettleError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let mut result = Ok(());
            for receiver in self.0 {
                // All are waited for; the first error stands.
                let one = receiver.await.unwrap_or(Err(SettleError::ShutDown));
                result = result.and(one);
            }
            result
        })
    }
}
