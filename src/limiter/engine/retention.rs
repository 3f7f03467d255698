//! The stored time for which the history is kept.

use std::sync::{Mutex, PoisonError};

/// The stored number of days for which the history is kept, and the time until which it counts as
/// known: epoch ms.
#[derive(Debug, Default)]
pub(crate) struct StoredRetention(Mutex<Option<(u32, i64)>>);

impl StoredRetention {
    /// Returns the days, if they are known at `now`.
    pub(crate) fn known_at(&self, now: i64) -> Option<u32> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .filter(|(_, until)| now < *until)
            .map(|(days, _)| days)
    }

    pub(crate) fn keep(&self, days: u32, until: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((days, until));
    }
}
