//! The clock of the simulation.

use std::time::Duration;

use tokio::time::Instant;
use tollgate::clock::Clock;

/// The start of the simulation, in November 2023: epoch ms.
const EPOCH: i64 = 1_700_000_000_000;

/// The time of the paused runtime, which jumps from timer to timer, as the clock of one process
/// shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    start: Instant,
    /// The milliseconds by which the clock is ahead of the true time.
    skew: i64,
}

impl VirtualClock {
    /// Returns a clock with the true time. Must be called within the runtime.
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            skew: 0,
        }
    }

    /// Returns a clock that is `skew` milliseconds ahead.
    pub(super) fn skewed(self, skew: i64) -> Self {
        Self { skew, ..self }
    }

    /// Returns the time since the simulation began. Exact to the millisecond, like timers.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns the instant at which `elapsed` has passed since the simulation began.
    pub(super) fn at(&self, elapsed: Duration) -> Instant {
        self.start + elapsed
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> i64 {
        EPOCH + self.skew + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }
}
