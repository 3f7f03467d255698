//! Clocks: the sources of the time.
#![allow(clippy::disallowed_methods, reason = "clocks read the machine's time")]

mod store_time;

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use store_time::StoreTime;

pub(crate) use store_time::CorrectedClock;

/// A clock that gives the time for the refill of buckets.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the time in milliseconds since the epoch.
    fn now(&self) -> i64;

    /// Returns how far the clock may be off the store's time, in milliseconds, or `None` if that is
    /// not known.
    fn error(&self) -> Option<i64> {
        None
    }
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// Creates the clock.
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        // A time before the epoch counts as the epoch: refill needs only differences, and none is
        // negative.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Not `as_millis`, because it multiplies 128-bit integers.
        i64::try_from(since.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_mul(1000)
            .saturating_add(since.subsec_millis().into())
    }
}

/// A clock that reads the wall clock once and then adds the time since: changes of the wall clock
/// do not move it. This clock is the default of limiters in memory, because no other process sees
/// their buckets.
///
/// Reading the clock costs less than a system call. The clock counts the processor's ticks, and
/// about once a second it is corrected by the system's monotonic clock. If the ticks are not
/// steady, it asks the operating system.
#[derive(Debug)]
pub struct MonotonicClock {
    ticks: quanta::Clock,
    start: Instant,
    /// The tick count at the start.
    started_at: u64,
    /// The time of the wall clock at the start: epoch ns.
    epoch: u64,
    /// The time until which the correction is valid: ns of ticks since the start.
    corrected_until: AtomicU64,
    /// The correction that is added to the ticks: ns.
    correction: AtomicI64,
}

/// The time for which a correction is valid, ns: ticks drift by a few microseconds a second.
const CORRECT_EVERY: u64 = 1_000_000_000;

impl MonotonicClock {
    /// Creates a clock that starts at the wall clock's time. The first clock of a process takes
    /// some milliseconds to measure the length of a tick.
    pub fn new() -> Self {
        let ticks = quanta::Clock::new();
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Instant::now(),
            started_at: ticks.raw(),
            ticks,
            epoch: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            corrected_until: AtomicU64::new(CORRECT_EVERY),
            correction: AtomicI64::new(0),
        }
    }

    #[cold]
    fn correct(&self, ticks: u64) {
        let elapsed = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // If two threads compute the correction at the same time, their results are nearly the
        // same.
        self.correction
            .store(elapsed.wrapping_sub(ticks).cast_signed(), Ordering::Relaxed);
        self.corrected_until
            .store(ticks.saturating_add(CORRECT_EVERY), Ordering::Relaxed);
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    #[inline]
    fn now(&self) -> i64 {
        let ticks = self.ticks.delta_as_nanos(self.started_at, self.ticks.raw());
        if ticks >= self.corrected_until.load(Ordering::Relaxed) {
            self.correct(ticks);
        }
        let elapsed = ticks.saturating_add_signed(self.correction.load(Ordering::Relaxed));
        (self.epoch.saturating_add(elapsed) / 1_000_000).cast_signed()
    }
}

/// A clock that only moves when it is told to, for tests.
///
/// ```
/// use std::time::Duration;
/// use tollgate::clock::{Clock, ManualClock};
///
/// let clock = ManualClock::at(1_000);
/// clock.advance(Duration::from_millis(500));
/// assert_eq!(clock.now(), 1_500);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    now: Arc<AtomicI64>,
}

impl ManualClock {
    /// Creates a clock that shows `now` (epoch ms). Its clones show the same time.
    pub fn at(now: i64) -> Self {
        Self {
            now: Arc::new(AtomicI64::new(now)),
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, time: Duration) {
        self.now.fetch_add(
            i64::try_from(time.as_millis()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }

    /// Sets the clock to `now` (epoch ms), also to an earlier time.
    pub fn set(&self, now: i64) {
        self.now.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> i64 {
        (**self).now()
    }

    fn error(&self) -> Option<i64> {
        (**self).error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_starts_at_the_wall_clock_and_keeps_the_systems_pace() {
        let before = SystemClock.now();
        let clock = MonotonicClock::new();
        let start = (clock.now(), Instant::now());
        assert!(
            (before..=SystemClock.now()).contains(&start.0),
            "{before} {start:?}"
        );
        // The ticks are a second late, as if some had not been counted. The clock must correct
        // that.
        clock.correction.store(-1_000_000_000, Ordering::Relaxed);
        clock.corrected_until.store(0, Ordering::Relaxed);
        let now = clock.now();
        assert!(clock.correction.load(Ordering::Relaxed) > -100_000_000);
        let elapsed = i64::try_from(start.1.elapsed().as_millis()).unwrap();
        assert!(
            (start.0..=start.0 + elapsed + 2).contains(&now),
            "{start:?} {now}"
        );
    }
}
