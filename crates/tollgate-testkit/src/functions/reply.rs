//! The reply of a function to an event.

use serde_json::Value;

/// The reply of a function to an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The function answered.
    Answered(Value),
    /// The function answered that it failed.
    Failed(Value),
    /// The function told that it cannot start.
    NotStarted(Value),
    /// The function did not answer in time, and was killed.
    Late,
    /// The process ended without an answer.
    Ended,
}
