//! One stage of a load.

use std::time::Duration;

/// A time in which the level changes evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) time: Duration,
}

impl Stage {
    pub(super) fn new(from: f64, to: f64, time: Duration) -> Self {
        Self { from, to, time }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.time.as_secs_f64()
    }

    /// Returns the change of the level in a second.
    pub(super) fn slope(&self) -> f64 {
        (self.to - self.from) / self.seconds()
    }
}
