//! The time, and how far it may be off.

/// What others' clocks may be off the store's, at least: the second that an answer's date is rounded to,
/// and a slow round trip. Milliseconds.
const OTHERS_ERROR: i64 = 2_000;

/// The time of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Epoch ms.
    pub at: i64,
    /// How far that may be off the store's time, in milliseconds; `None` where nobody knows.
    pub error: Option<i64>,
}

impl Now {
    /// Returns `true` if `time` (epoch ms) lies further ahead than clocks that are kept right can be apart.
    pub fn is_far_before(self, time: i64) -> bool {
        self.error.is_some_and(|error| time.saturating_sub(self.at) > error.saturating_add(OTHERS_ERROR))
    }
}

impl From<i64> for Now {
    /// A time that nobody knows the error of.
    fn from(at: i64) -> Self {
        Self { at, error: None }
    }
}
