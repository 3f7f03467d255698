//! The time since something began, and the time that is left of a deadline.
#![allow(
    clippy::disallowed_methods,
    reason = "deadlines of requests are measured here"
)]

use std::time::Duration;

use tokio::time::Instant;

use super::Deadline;

/// The time at which something began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time that is left of a deadline which began with the stopwatch.
    pub(crate) fn left(self, deadline: Deadline) -> Duration {
        Duration::from(deadline).saturating_sub(self.0.elapsed())
    }
}

/// Returns the time that is left until `until`: zero if it has passed.
pub(crate) fn left_until(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
