//! Waits for a time, for callers in any runtime or thread.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Handle, time::Sleep};

use super::timeouts::Timeout;
use crate::limiter::terms::left_until;

/// A timer that ends after some time.
///
/// A task of the limiter's runtime uses that runtime's timers. Any other caller uses a timeout,
/// which is up to 2 ms later, but needs neither a runtime of the caller nor a thread that drives
/// the limiter's runtime. A task may change from one to the other.
#[derive(Debug)]
pub(crate) struct Timer {
    runtime: Handle,
    sleep: Option<Pin<Box<Sleep>>>,
    timeout: Timeout,
}

impl Timer {
    /// Creates a timer that ends with `timeout`.
    pub(super) fn new(runtime: &Handle, timeout: Timeout) -> Self {
        Self {
            runtime: runtime.clone(),
            sleep: None,
            timeout,
        }
    }

    /// Waits until the timer ends. Returns `false` if the limiter's runtime was shut down before.
    pub(crate) async fn ended(mut self) -> bool {
        poll_fn(|context| self.poll(context)).await;
        left_until(self.timeout.until()).is_zero()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_at_home =
            Handle::try_current().is_ok_and(|current| current.id() == self.runtime.id());
        if !is_at_home {
            // The runtime of the timer may be gone.
            self.sleep = None;
            return Pin::new(&mut self.timeout).poll(context);
        }
        let until = self.timeout.until();
        let polled = without_panic(|| {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            sleep.as_mut().poll(context)
        });
        match polled {
            Some(polled) => polled,
            None => Pin::new(&mut self.timeout).poll(context),
        }
    }
}

/// Waits for `time` by the timers of the caller's runtime. Returns `false` if it has none, or if it
/// is shut down.
pub(crate) async fn sleep_here(time: Duration) -> bool {
    let Some(sleep) = without_panic(|| tokio::time::sleep(time)) else {
        return false;
    };
    let mut sleep = Box::pin(sleep);
    poll_fn(
        |context| match without_panic(|| sleep.as_mut().poll(context)) {
            Some(polled) => polled.map(|()| true),
            None => Poll::Ready(false),
        },
    )
    .await
}

/// Uses a timer of tokio. Returns `None` if it panics: tokio does so if a runtime has no timers or
/// is shut down, and has no call to find that out before.
fn without_panic<T>(use_timer: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(use_timer)).ok()
}
