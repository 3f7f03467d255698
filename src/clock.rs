//! Where the time comes from.

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

/// Tells the time that buckets are refilled by.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now(&self) -> i64;

    /// How far it may be off the store's time, in milliseconds; `None` where nobody knows.
    fn error(&self) -> Option<i64> {
        None
    }
}

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        // Before the epoch is as good as at it: refill counts differences, and none is negative.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Not `as_millis`, which multiplies 128 bits.
        i64::try_from(since.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_mul(1000)
            .saturating_add(since.subsec_millis().into())
    }
}

/// The time since it was made, added to what the wall clock said then: a wall clock that is set
/// does not move it. The default of limiters in memory, whose buckets no other process sees.
///
/// Reading it costs less than asking the operating system: it counts the processor's ticks (where
/// those are not steady, it does ask), and is put right by the system's monotonic clock about once
/// a second.
#[derive(Debug)]
pub struct MonotonicClock {
    ticks: quanta::Clock,
    start: Instant,
    /// The ticks at the start.
    started_at: u64,
    /// What the wall clock said at the start: epoch ns.
    epoch: u64,
    /// Until when the correction holds: ns of ticks since the start.
    corrected_until: AtomicU64,
    /// What is added to the ticks: ns.
    correction: AtomicI64,
}

/// How long a correction holds, ns: ticks are off by a few microseconds a second.
const CORRECT_EVERY: u64 = 1_000_000_000;

impl MonotonicClock {
    /// A clock that starts at what the wall clock says. The first of a process takes a few
    /// milliseconds to find out how long a tick is.
    pub fn new() -> Self {
        let ticks = quanta::Clock::new();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
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
        // Two that come at once store nearly the same.
        self.correction.store(elapsed.wrapping_sub(ticks).cast_signed(), Ordering::Relaxed);
        self.corrected_until.store(ticks.saturating_add(CORRECT_EVERY), Ordering::Relaxed);
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

/// A clock that stands until it is told to move, for tests.
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
    /// A clock that shows `now` (epoch ms). Clones show the same time.
    pub fn at(now: i64) -> Self {
        Self { now: Arc::new(AtomicI64::new(now)) }
    }

    /// Moves it forward.
    pub fn advance(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets it to `now` (epoch ms), back too.
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
        assert!((before..=SystemClock.now()).contains(&start.0), "{before} {start:?}");
        // Ticks that are a second late, as if they had not been counted: put right.
        clock.correction.store(-1_000_000_000, Ordering::Relaxed);
        clock.corrected_until.store(0, Ordering::Relaxed);
        let now = clock.now();
        assert!(clock.correction.load(Ordering::Relaxed) > -100_000_000);
        let elapsed = i64::try_from(start.1.elapsed().as_millis()).unwrap();
        assert!((start.0..=start.0 + elapsed + 2).contains(&now), "{start:?} {now}");
    }
}
