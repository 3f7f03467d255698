//! A wait for a time, in whatever runtime or thread the caller lives.
#![allow(clippy::disallowed_methods, reason = "a timer that is not needed any more ends its task by itself")]

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot, time::Sleep};

use super::timeouts::Timeout;
use crate::limiter::terms::left_until;

/// A timer that ends after some time.
pub(in crate::limiter) enum Timer {
    /// The caller lives in the limiter's runtime.
    Own(Pin<Box<Sleep>>),
    /// The caller lives elsewhere. The limiter's runtime keeps the time. If no thread drives it, the timeout ends the
    /// wait, a little later.
    Foreign(oneshot::Receiver<()>, Timeout),
}

impl Timer {
    /// Creates a timer for `time`. `timeout` ends at the same time.
    pub(super) fn new(runtime: &Handle, time: Duration, timeout: Timeout) -> Self {
        if Handle::try_current().is_ok_and(|current| current.id() == runtime.id()) {
            return Self::Own(Box::pin(tokio::time::sleep(time)));
        }
        let (mut end, ended) = oneshot::channel();
        runtime.spawn(async move {
            let mut sleep = pin!(tokio::time::sleep(time));
            poll_fn(|context| match end.poll_closed(context) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(context),
            })
            .await;
            let _ = end.send(());
        });
        Self::Foreign(ended, timeout)
    }

    /// Waits. Returns `false` if the limiter's runtime was shut down before the time was over.
    pub(in crate::limiter) async fn ended(self) -> bool {
        match self {
            Self::Own(sleep) => {
                sleep.await;
                true
            }
            Self::Foreign(mut ended, mut timeout) => {
                poll_fn(|context| match Pin::new(&mut ended).poll(context) {
                    Poll::Ready(Ok(())) => Poll::Ready(()),
                    _ => Pin::new(&mut timeout).poll(context),
                })
                .await;
                left_until(timeout.until()).is_zero()
            }
        }
    }
}
