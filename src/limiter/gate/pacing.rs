//! Delays the next write of a bucket until it is worth sending.
//!
//! Two cases are paced, and neither delays a request past its deadline:
//!
//! - *The bucket is short.* Every process asks again as soon as enough is refilled by its
//!   arithmetic, and all but one of them find nothing. So a process that finds nothing pauses,
//!   twice as long each time, up to the time in which one request of each process is refilled. A
//!   grant shortens the pause.
//! - *The store throttles.* The gap between two writes grows with every throttled write and shrinks
//!   with every write that is done. If the next write would be too late for a request, the request
//!   has no decision and is told when to try again.
#![allow(
    clippy::disallowed_methods,
    reason = "it has the time of the gates, and spreads pauses at random"
)]

use std::time::Duration;

use tokio::time::Instant;

/// Returns the time that pauses and deadlines of gates are measured by.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// The factors of the gap: after a throttled write, and after a write that is done.
const THROTTLED: f64 = 1.5;
const WRITTEN: f64 = 0.9;

/// The factor of the pause after a write that found enough.
const GRANTED: f64 = 0.8;

/// The smallest gap as a part of the round trip, and the largest gap in ms. With the largest gap,
/// 100 processes write an item as often as it can take.
const LEAST_GAP: f64 = 0.5;
const MOST_GAP: f64 = 100.0;

/// A smaller gap counts as none, ms.
const NO_GAP: f64 = 0.5;

/// The shortest and the longest pause, ms.
const PAUSE: (f64, f64) = (0.5, 50.0);

/// Processes that together ask at most once in this many ms need no pause. That rate is a fifth of
/// the writes that an item takes.
const SELDOM: f64 = 5.0;

/// The time after which a pause that has ended is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(2);

/// Decides when the next write of a bucket starts.
#[derive(Debug, Default)]
pub(super) struct Pace {
    departs: Option<Instant>,
    /// The pause after a write that found too few tokens, ms.
    pause: f64,
    /// The gap between two writes while the store throttles, ms.
    gap: f64,
    /// The number of throttled writes in a row.
    throttled: u32,
}

impl Pace {
    /// Returns the time before which the next write may not start, or `None` if it may start now.
    pub(super) fn departs(&self, now: Instant) -> Option<Instant> {
        self.departs.filter(|departs| *departs > now)
    }

    /// Returns `true` if the store throttles the bucket.
    pub(super) fn is_throttled(&self, now: Instant) -> bool {
        self.gap > 0.0 && !self.is_over(now)
    }

    /// Returns the time until the next write, if the store throttles the bucket.
    pub(super) fn throttled_for(&self, now: Instant) -> Option<Duration> {
        self.is_throttled(now).then(|| {
            self.departs.map_or(Duration::ZERO, |departs| {
                departs.saturating_duration_since(now)
            })
        })
    }

    /// Returns `true` if neither a pause nor a gap is remembered.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.departs
            .is_none_or(|departs| now.saturating_duration_since(departs) > FORGOTTEN_AFTER)
    }

    fn forget_old(&mut self, now: Instant) {
        if self.is_over(now) {
            *self = Self::default();
        }
    }

    /// Notes that a write was done. `granted` is `true` if it granted anything.
    pub(super) fn written(&mut self, granted: bool, now: Instant) {
        self.forget_old(now);
        if granted {
            self.pause *= GRANTED;
            if self.pause < PAUSE.0 {
                self.pause = 0.0;
            }
        }
        self.throttled = 0;
        self.gap *= WRITTEN;
        if self.gap < NO_GAP {
            self.gap = 0.0;
        }
        let wait = self.gap.max(self.pause);
        self.departs = (wait > 0.0).then(|| now + spread(wait));
    }

    /// Notes that a write found too few tokens. One request is refilled in `refill` ms, and
    /// `processes` processes write.
    pub(super) fn found_too_little(&mut self, refill: f64, processes: f64, now: Instant) {
        if refill > processes * SELDOM {
            return;
        }
        self.forget_old(now);
        let (least, most) = (
            refill.clamp(PAUSE.0, PAUSE.1),
            (refill * processes).clamp(PAUSE.0, PAUSE.1),
        );
        self.pause = (self.pause * 2.0).clamp(least, most);
        self.departs = Some(now + spread(self.pause.max(self.gap)));
    }

    /// Notes that the store has throttled a write. Returns the number of throttled writes in a row.
    pub(super) fn throttled(&mut self, round_trip: Duration, now: Instant) -> u32 {
        self.forget_old(now);
        let round_trip = round_trip.as_secs_f64() * 1000.0;
        let least = round_trip.max(1.0) * LEAST_GAP;
        self.gap = (self.gap * THROTTLED).clamp(least, MOST_GAP.max(least));
        self.departs = Some(now + spread(self.gap));
        self.throttled = self.throttled.saturating_add(1);
        self.throttled
    }
}

/// Returns about `millis`, at random, so that processes do not write in step.
fn spread(millis: f64) -> Duration {
    Duration::from_secs_f64(millis * (0.5 + fastrand::f64()) / 1000.0)
}
