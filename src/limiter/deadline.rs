//! How long somebody waits for the store.

use std::time::Duration;

/// The longest wait, in milliseconds: small, because every request and every lease carries one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(u32);

impl From<Duration> for Deadline {
    /// Rounded up.
    fn from(time: Duration) -> Self {
        Self(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX))
    }
}

impl From<Deadline> for Duration {
    fn from(Deadline(millis): Deadline) -> Self {
        Self::from_millis(millis.into())
    }
}
