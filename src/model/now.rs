//! The time and its possible error.

/// The minimum clock error to expect of other processes, ms: an answer's date is rounded to a
/// second, and a round trip may be slow.
const OTHERS_ERROR: i64 = 2_000;

/// The time of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The time: epoch ms.
    pub at: i64,
    /// The maximum difference from the store's time, in milliseconds; `None` if it is not known.
    pub error: Option<i64>,
}

impl ClockReading {
    /// Returns `true` if `time` (epoch ms) is further in the future than correct clocks can differ.
    pub fn is_far_before(self, time: i64) -> bool {
        self.error
            .is_some_and(|error| time.saturating_sub(self.at) > error.saturating_add(OTHERS_ERROR))
    }
}

impl From<i64> for ClockReading {
    /// Returns a time with an unknown error.
    fn from(at: i64) -> Self {
        Self { at, error: None }
    }
}
