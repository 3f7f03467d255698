//! The ways in which calls end.

use serde::{Deserialize, Serialize};

/// The way in which a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// The limits granted it.
    Granted,
    /// The limits denied it.
    Denied,
    /// No decision could be made.
    Unavailable,
    /// It failed: no connection, an answer that is none, or an answer that nobody expects.
    Error,
    /// It took longer than the timeout of the test.
    Timeout,
    /// It should have begun, but as many calls as may be in flight never left room for it.
    Unsent,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] = [
        Self::Granted,
        Self::Denied,
        Self::Unavailable,
        Self::Error,
        Self::Timeout,
        Self::Unsent,
    ];

    /// Returns the name: `granted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Unsent => "unsent",
        }
    }

    /// Returns true if the time of the call is one that a client waits: all but failures, which may
    /// come at once.
    pub(crate) const fn is_waiting(self) -> bool {
        !matches!(self, Self::Error)
    }
}
