//! The progress of calls that make many writes.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The counter of a caller who wants to see the progress, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    counter: Option<Arc<AtomicU64>>,
}

impl Progress {
    /// Counts in `counter`.
    pub(super) fn of(counter: Arc<AtomicU64>) -> Self {
        let counter = Some(counter);
        Self { counter }
    }

    /// Adds what was written.
    pub(super) fn add(&self, count: u64) {
        if let Some(counter) = &self.counter {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}
