//! A call that begins before its result is needed.

use std::{future::poll_fn, pin::pin, task::Poll};

use crate::store::{StoreError, StoreFuture};

/// A call that runs beside another one.
pub(super) struct Early<'a, T> {
    call: StoreFuture<'a, T>,
    result: Option<Result<T, StoreError>>,
}

impl<'a, T> Early<'a, T> {
    /// Takes a call. It is sent with [`beside`](Self::beside).
    pub(super) fn begin(call: StoreFuture<'a, T>) -> Self {
        Self { call, result: None }
    }

    /// Runs both, and returns the result of `other` as soon as there is one.
    pub(super) async fn beside<O>(&mut self, other: impl Future<Output = O>) -> O {
        let mut other = pin!(other);
        poll_fn(|context| {
            let answer = other.as_mut().poll(context);
            if answer.is_pending()
                && self.result.is_none()
                && let Poll::Ready(result) = self.call.as_mut().poll(context)
            {
                self.result = Some(result);
            }
            answer
        })
        .await
    }

    /// Returns the result of the call.
    pub(super) async fn finish(self) -> Result<T, StoreError> {
        match self.result {
            Some(result) => result,
            None => self.call.await,
        }
    }
}
