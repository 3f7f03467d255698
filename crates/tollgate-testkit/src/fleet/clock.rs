//! The time of the simulation.

use std::time::Duration;

use tokio::time::Instant;
use tollgate::clock::Clock;

/// An evening in November 2023: epoch ms.
const EPOCH: i64 = 1_700_000_000_000;

/// The time of the runtime, which is paused: it runs from timer to timer. As one process's clock
/// shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualClock {
    start: Instant,
    /// Milliseconds that the clock is ahead of the true time.
    skew: i64,
}

impl VirtualClock {
    /// True time. Within the runtime.
    pub(super) fn start() -> Self {
        Self { start: Instant::now(), skew: 0 }
    }

    /// The same time, `skew` milliseconds ahead.
    pub(super) fn skewed(self, skew: i64) -> Self {
        Self { skew, ..self }
    }

    /// The time since the simulation has begun, exact to the millisecond: timers have no other.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// When so much time will have passed.
    pub(super) fn at(&self, elapsed: Duration) -> Instant {
        self.start + elapsed
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> i64 {
        EPOCH + self.skew + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
    }
}
