//! The store's time, estimated from its answers.
//!
//! A process whose clock is an hour ahead must not fill every bucket. Every answer with a `Date`
//! shows that the store's clock was in that second at some time between sending and receiving. With
//! a clock that never goes back, this bounds the difference between the store's time and that
//! clock, and each answer narrows the bounds (Cristian, "Probabilistic clock synchronization",
//! 1989; Marzullo, 1984).

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use super::Clock;

/// The drift of a monotonic clock in parts per million: more than real oscillators have.
const DRIFT: i64 = 200;

/// The bounds of the store's time. All users of the store share them.
#[derive(Debug)]
pub struct StoreTime {
    monotonic: Arc<dyn Clock>,
    /// The lower and the upper bound of the store's time minus the monotonic clock's time: ms.
    least: AtomicI64,
    most: AtomicI64,
    /// The monotonic clock's time at which the bounds were observed.
    at: AtomicI64,
    observing: Mutex<()>,
}

impl StoreTime {
    /// Creates the store's time without any observation. `monotonic` must never go back.
    pub fn new(monotonic: impl Clock) -> Self {
        Self {
            monotonic: Arc::new(monotonic),
            least: AtomicI64::new(i64::MIN),
            most: AtomicI64::new(i64::MAX),
            at: AtomicI64::new(0),
            observing: Mutex::new(()),
        }
    }

    /// Returns the time by which answers are observed: ms.
    pub fn monotonic(&self) -> i64 {
        self.monotonic.now()
    }

    /// Records an answer that the store dated `date` (epoch seconds). `sent` and `received` are the
    /// times of the request and its answer by the monotonic clock.
    pub fn observe(&self, date: i64, sent: i64, received: i64) {
        let date = date.saturating_mul(1000);
        // The answer was dated between both times, within the second `date`.
        let (mut least, mut most) = (
            date.saturating_sub(received),
            date.saturating_add(999).saturating_sub(sent),
        );
        if most < least {
            return;
        }
        let _observing = self
            .observing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (known_least, known_most) = self.bounds(received);
        // If answers contradict each other, the store's clock was set: the latest answer counts.
        if known_least <= most && least <= known_most {
            (least, most) = (least.max(known_least), most.min(known_most));
        }
        // `most` is stored last, with release, because it marks the time as known: a reader that
        // sees `most` also sees the other values.
        self.at.store(received, Ordering::Relaxed);
        self.least.store(least, Ordering::Relaxed);
        self.most.store(most, Ordering::Release);
    }

    /// Returns `true` if any answer was observed.
    pub fn is_known(&self) -> bool {
        self.most.load(Ordering::Acquire) != i64::MAX
    }

    /// Returns how far a corrected time may be off the store's: ms.
    pub fn error(&self) -> Option<i64> {
        let (least, most) = self.bounds(self.monotonic.now());
        self.is_known().then(|| most.saturating_sub(least).max(0))
    }

    /// Returns `wall` (epoch ms) if it lies within the bounds of the store's time, else the nearest
    /// bound.
    pub fn correct(&self, wall: i64) -> i64 {
        if !self.is_known() {
            return wall;
        }
        let monotonic = self.monotonic.now();
        let (least, most) = self.bounds(monotonic);
        let (earliest, latest) = (
            monotonic.saturating_add(least),
            monotonic.saturating_add(most),
        );
        // A reader may see the bounds of two observations, so `latest` may be before `earliest`.
        wall.max(earliest).min(latest.max(earliest))
    }

    /// Returns the bounds at `now` of the monotonic clock. The bounds widen with time, because that
    /// clock drifts.
    fn bounds(&self, now: i64) -> (i64, i64) {
        let (least, most) = (
            self.least.load(Ordering::Relaxed),
            self.most.load(Ordering::Relaxed),
        );
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

    /// An arbitrary time, epoch seconds.
    const NOON: i64 = 1_700_000_000;

    fn time() -> (StoreTime, ManualClock) {
        let clock = ManualClock::at(0);
        (StoreTime::new(clock.clone()), clock)
    }

    #[test]
    fn nothing_is_corrected_before_an_answer() {
        let (time, _) = time();
        assert_eq!(
            (time.correct(5), time.error(), time.is_known()),
            (5, None, false)
        );
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
        // After the last answer, the estimate follows the monotonic clock, whose drift widens the
        // bounds.
        assert_eq!(time.correct(0), NOON * 1000 + 60_000 - 12);
        assert_eq!(time.correct(i64::MAX), NOON * 1000 + 60_000 + 999 + 12);
    }

    #[test]
    fn every_answer_narrows_the_bounds() {
        let (time, monotonic) = time();
        // At the monotonic time 0 the store's next second begins in 300 ms.
        for (sent, date) in [(0, NOON), (250, NOON), (310, NOON + 1), (700, NOON + 1)] {
            monotonic.set(sent);
            time.observe(date, sent, sent + 10);
        }
        // The store's next second was seen between 250 and 320 ms.
        let error = time.error().unwrap();
        assert!(error <= 70, "{error}");
        monotonic.set(1_000);
        let corrected = time.correct(0);
        assert!(
            (NOON * 1000 + 1_680..=NOON * 1000 + 1_750).contains(&corrected),
            "{corrected}"
        );
    }

    #[test]
    fn a_store_whose_clock_was_set_is_followed() {
        let (time, _) = time();
        time.observe(NOON, 0, 0);
        time.observe(NOON + 3600, 0, 0);
        assert_eq!(time.correct(0), (NOON + 3600) * 1000);
    }
}
