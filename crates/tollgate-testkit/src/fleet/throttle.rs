//! The throttle of one item of the store.

use std::time::Duration;

/// Throttles the operations per second on one item, with a token bucket for a tenth of a second.
#[derive(Debug)]
pub(super) struct Throttle {
    per_second: f64,
    tokens: f64,
    at: Duration,
}

impl Throttle {
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            per_second,
            tokens: per_second / 10.0,
            at: Duration::ZERO,
        }
    }

    /// Takes `units` at `now`. Returns `true` if the item allows them.
    pub(super) fn admits(&mut self, units: u32, now: Duration) -> bool {
        let more = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + more).min(self.per_second / 10.0);
        self.at = now;
        let admits = self.tokens >= f64::from(units);
        if admits {
            self.tokens -= f64::from(units);
        }
        admits
    }
}
