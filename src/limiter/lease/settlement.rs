//! The answer to a commit or a rollback.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll},
};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::error::SettleError;

/// A lease's difference on its way to the store.
///
/// The way does not depend on it: awaiting it tells when the difference is written, dropping it
/// changes nothing.
#[derive(Debug)]
pub struct Settlement(Writes);

/// Writes to wait for. Those in memory are over already, so mostly there is none.
type Writes = SmallVec<[oneshot::Receiver<Result<(), SettleError>>; 1]>;

impl Settlement {
    /// Nothing to write.
    #[inline]
    pub(in crate::limiter) fn done() -> Self {
        Self(SmallVec::new())
    }

    pub(in crate::limiter) fn pending(receiver: oneshot::Receiver<Result<(), SettleError>>) -> Self {
        Self(SmallVec::from_iter([receiver]))
    }

    /// Settled when both are.
    pub(in crate::limiter) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl IntoFuture for Settlement {
    type Output = Result<(), SettleError>;
    type IntoFuture = SettlementFuture;

    fn into_future(self) -> SettlementFuture {
        SettlementFuture { writes: self.0, result: Ok(()) }
    }
}

/// Waits for a [`Settlement`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is awaited"]
pub struct SettlementFuture {
    writes: Writes,
    result: Result<(), SettleError>,
}

impl Future for SettlementFuture {
    type Output = Result<(), SettleError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { writes, result } = &mut *self;
        while let Some(write) = writes.first_mut() {
            let Poll::Ready(one) = Pin::new(write).poll(context) else {
                return Poll::Pending;
            };
            writes.remove(0);
            // All are waited for; the first error stands.
            if result.is_ok() {
                *result = one.unwrap_or(Err(SettleError::ShutDown));
            }
        }
        Poll::Ready(std::mem::replace(result, Ok(())))
    }
}
