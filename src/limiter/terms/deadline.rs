//! The longest time that a request waits for the store.

use std::time::Duration;

/// The longest wait, in milliseconds. The type is small because every request and every lease
/// contains one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(u32);

impl From<Duration> for Deadline {
    /// Rounds up to whole milliseconds.
    fn from(time: Duration) -> Self {
        Self(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX))
    }
}

impl From<Deadline> for Duration {
    fn from(Deadline(millis): Deadline) -> Self {
        Self::from_millis(millis.into())
    }
}

/// A deadline and a flag in one machine word. Two fields would be written one by one and read
/// together, which stalls the processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked(u64);

impl Marked {
    #[inline]
    pub(crate) fn new(Deadline(millis): Deadline, mark: bool) -> Self {
        Self(u64::from(millis) | u64::from(mark) << 32)
    }

    pub(crate) fn deadline(self) -> Deadline {
        // The lower half of the word.
        Deadline(u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX))
    }

    #[inline]
    pub(crate) fn is_marked(self) -> bool {
        self.0 >> 32 != 0
    }
}
