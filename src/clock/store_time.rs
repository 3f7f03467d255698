//! What a store's answers tell about the time.
//!
//! A process whose clock is an hour ahead must not be able to fill every bucket. Every answer with a
//! `Date` says that the store's clock showed that second at some time between sending and receiving.
//! With a clock that only goes forward, that bounds how far the store's time is from it, and each
//! answer narrows the bounds (Cristian, "Probabilistic clock synchronization", 1989; Marzullo, 1984).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use super::Clock;

/// How far a clock that only goes forward drifts: parts per million, more than crystals do.
const DRIFT: i64 = 200;

/// Between what bounds the store's time lies. Shared by all who use the store.
#[derive(Debug)]
pub struct StoreTime {
    monotonic: Arc<dyn Clock>,
    /// The store's time less the monotonic clock's lies between these: ms.
    least: AtomicI64,
    most: AtomicI64,
    /// When that was observed, by the monotonic clock.
    at: AtomicI64,
    observing: Mutex<()>,
}

impl StoreTime {
    /// Nothing is known yet. `monotonic` only goes forward.
    pub fn new(monotonic: impl Clock) -> Self {
        Self {
            monotonic: Arc::new(monotonic),
            least: AtomicI64::new(i64::MIN),
            most: AtomicI64::new(i64::MAX),
            at: AtomicI64::new(0),
            observing: Mutex::new(()),
        }
    }

    /// The time by which answers are observed: ms.
    pub fn monotonic(&self) -> i64 {
        self.monotonic.now()
    }

    /// Notes an answer that the store dated `date` (epoch seconds), to a request that was sent and
    /// received at these times of the monotonic clock.
    pub fn observe(&self, date: i64, sent: i64, received: i64) {
        let date = date.saturating_mul(1000);
        // It was dated between both, and that second had begun and was not over.
        let (mut least, mut most) = (date.saturating_sub(received), date.saturating_add(999).saturating_sub(sent));
        if most < least {
            return;
        }
        let _observing = self.observing.lock().unwrap_or_else(PoisonError::into_inner);
        let (known_least, known_most) = self.bounds(received);
        // Answers that contradict each other come from a clock that was set: the latest counts.
        if known_least <= most && least <= known_most {
            (least, most) = (least.max(known_least), most.min(known_most));
        }
        // The last one says that they are known: before it nothing is corrected, after it by all of them.
        self.at.store(received, Ordering::Relaxed);
        self.least.store(least, Ordering::Relaxed);
        self.most.store(most, Ordering::Release);
    }

    /// Returns `true` if any answer was observed.
    pub fn is_known(&self) -> bool {
        self.most.load(Ordering::Acquire) != i64::MAX
    }

    /// How far a corrected time may be off the store's: ms.
    pub fn error(&self) -> Option<i64> {
        let (least, most) = self.bounds(self.monotonic.now());
        self.is_known().then(|| most.saturating_sub(least).max(0))
    }

    /// `wall` (epoch ms) where the store's time may be that; else the nearest time that it may be.
    pub fn correct(&self, wall: i64) -> i64 {
        if !self.is_known() {
            return wall;
        }
        let monotonic = self.monotonic.now();
        let (least, most) = self.bounds(monotonic);
        let (earliest, latest) = (monotonic.saturating_add(least), monotonic.saturating_add(most));
        // Between two stores of a new observation both may be seen: no order is promised.
        wall.max(earliest).min(latest.max(earliest))
    }

    /// The bounds at `now` of the monotonic clock: they widen, because it drifts.
    fn bounds(&self, now: i64) -> (i64, i64) {
        let (least, most) = (self.least.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed));
        let age = now.saturating_sub(self.at.load(Ordering::Relaxed)).max(0);
        let drift = age.saturating_mul(DRIFT) / 1_000_000;
        (least.saturating_sub(drift), most.saturating_add(drift))
    }
}

/// A wall clock that the store's time corrects.
#[derive(Clone, Debug)]
pub(crate) struct CorrectedClock {
    wall: Arc<dyn Clock>,
    time: Arc<StoreTime>,
}

impl CorrectedClock {
    pub(crate) fn new(wall: Arc<dyn Clock>, time: Arc<StoreTime>) -> Self {
        Self { wall, time }
    }
}

impl Clock for CorrectedClock {
    fn now(&self) -> i64 {
        self.time.correct(self.wall.now())
    }

    fn error(&self) -> Option<i64> {
        self.time.error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    /// Noon, epoch seconds.
    const NOON: i64 = 1_700_000_000;

    fn time() -> (StoreTime, ManualClock) {
        let clock = ManualClock::at(0);
        (StoreTime::new(clock.clone()), clock)
    }

    #[test]
    fn nothing_is_corrected_before_an_answer() {
        let (time, _) = time();
        assert_eq!((time.correct(5), time.error(), time.is_known()), (5, None, false));
    }

    #[test]
    fn a_clock_within_the_bounds_is_used_as_it_is() {
        let (time, _) = time();
        time.observe(NOON, -5, 5);
        for wall in [NOON * 1000 - 5, NOON * 1000 + 400, NOON * 1000 + 1004] {
            assert_eq!(time.correct(wall), wall);
        }
        assert_eq!(time.error(), Some(1009));
    }

    #[test]
    fn a_clock_outside_is_corrected_to_the_nearest_edge() {
        let (time, monotonic) = time();
        time.observe(NOON, 0, 0);
        assert_eq!(time.correct(NOON * 1000 + 3_600_000), NOON * 1000 + 999);
        assert_eq!(time.correct(0), NOON * 1000);
        monotonic.set(60_000);
        // And goes on with the clock that only goes forward, less and more what that may drift.
        assert_eq!(time.correct(0), NOON * 1000 + 60_000 - 12);
        assert_eq!(time.correct(i64::MAX), NOON * 1000 + 60_000 + 999 + 12);
    }

    #[test]
    fn every_answer_narrows_the_bounds() {
        let (time, monotonic) = time();
        // The store's clock is 300 ms behind the full second.
        for (sent, date) in [(0, NOON), (250, NOON), (310, NOON + 1), (700, NOON + 1)] {
            monotonic.set(sent);
            time.observe(date, sent, sent + 10);
        }
        // A new second was seen between 250 and 320.
        let error = time.error().unwrap();
        assert!(error <= 70, "{error}");
        monotonic.set(1_000);
        let corrected = time.correct(0);
        assert!((NOON * 1000 + 1_680..=NOON * 1000 + 1_750).contains(&corrected), "{corrected}");
    }

    #[test]
    fn a_store_whose_clock_was_set_is_followed() {
        let (time, _) = time();
        time.observe(NOON, 0, 0);
        time.observe(NOON + 3600, 0, 0);
        assert_eq!(time.correct(0), (NOON + 3600) * 1000);
    }
}
