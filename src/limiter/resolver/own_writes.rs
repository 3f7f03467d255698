//! Changes that this process has made to stored limits.
#![allow(
    clippy::disallowed_methods,
    reason = "no owner yet: how old a write is"
)]

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The time for which look-ups are strongly consistent after an own write.
const AFTER_WRITE: Duration = Duration::from_secs(10);

/// The changes that this process has made to stored limits. Look-ups that begin after a change must
/// show it, and a look-up that began before it is not cached after it.
#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    count: AtomicU64,
    last: Mutex<Option<Instant>>,
}

impl OwnWrites {
    /// Notes a change.
    pub(super) fn note(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns the number of changes so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Returns `true` if the last change is so recent that an eventually consistent look-up might
    /// miss it.
    pub(super) fn are_recent(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() < AFTER_WRITE)
    }
}
