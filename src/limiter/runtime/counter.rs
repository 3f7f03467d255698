//! Counts things that have not ended.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Notify, futures::Notified};

/// Counts things that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    count: AtomicUsize,
    zero: Notify,
}

/// One of the things that a counter counts. The thing has ended when this guard is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Counter>);

impl Counter {
    /// Counts one thing more.
    pub(super) fn count(self: &Arc<Self>) -> Counted {
        self.count.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }

    pub(super) fn is_zero(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Returns a future that ends when the count becomes zero after it was enabled or polled.
    pub(super) fn becomes_zero(&self) -> Notified<'_> {
        self.zero.notified()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.zero.notify_waiters();
        }
    }
}
