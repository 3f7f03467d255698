//! The result of a commit or a rollback.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll},
};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::error::SettleError;

/// The difference of a lease, which is being written to the store.
///
/// The write does not depend on this value. If you await the value, you wait until the difference
/// is written. If you drop it, the difference is written anyway.
#[derive(Debug)]
pub struct Settlement(Writes);

/// The writes to wait for. Writes in memory are done at once, so in most cases there are none.
type Writes = SmallVec<[oneshot::Receiver<Result<(), SettleError>>; 1]>;

impl Settlement {
    /// Returns a settlement with nothing to write.
    #[inline]
    pub(crate) fn done() -> Self {
        Self(SmallVec::new())
    }

    pub(crate) fn pending(receiver: oneshot::Receiver<Result<(), SettleError>>) -> Self {
        Self(SmallVec::from_iter([receiver]))
    }

    /// Combines two settlements: the result is ready when both are.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl IntoFuture for Settlement {
    type Output = Result<(), SettleError>;
    type IntoFuture = SettlementFuture;

    fn into_future(self) -> SettlementFuture {
        SettlementFuture {
            writes: self.0,
            result: Ok(()),
        }
    }
}

/// The future of a [`Settlement`].
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
            // Waits for all writes, and returns the first error.
            if result.is_ok() {
                *result = one.unwrap_or(Err(SettleError::ShutDown));
            }
        }
        Poll::Ready(std::mem::replace(result, Ok(())))
    }
}
