//! A circuit breaker: stops asking a store that keeps failing.
#![allow(clippy::disallowed_methods, reason = "no owner yet: a random pause")]

mod settings;
#[cfg(test)]
mod tests;

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use crate::{model::BreakerState, store::StoreError, telemetry};

pub use settings::Breaker;

/// The breaker of one limiter.
#[derive(Debug)]
pub(crate) struct CircuitBreaker {
    settings: Option<Breaker>,
    /// The time at which the store may be asked again, epoch ms; [`CLOSED`] while the breaker is
    /// closed.
    retry_at: AtomicI64,
    /// The number of failures in a row.
    failures: AtomicU32,
    /// The last calls, one bit for each, set if the call failed. The last call is the lowest bit.
    failed: AtomicU64,
    /// `true` while a probe is on its way, which finds out if the store answers again.
    probing: AtomicBool,
    /// The number of probes that have failed since the breaker opened.
    probes: AtomicU32,
    /// The time at which the store last answered, or was last asked while no other call was
    /// unanswered; epoch ms.
    heard_at: AtomicI64,
    /// The number of calls that have no answer yet.
    unanswered: AtomicU32,
}

const CLOSED: i64 = i64::MIN;

/// A call that has no answer yet. Dropping it ends the call.
pub(crate) struct Unanswered<'a>(&'a CircuitBreaker);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pause before the first probe, ms. Each next pause is twice as long.
const FIRST_PAUSE: i64 = 50;

impl CircuitBreaker {
    /// Creates a breaker. Without settings it never opens.
    pub(crate) fn new(settings: Option<Breaker>) -> Self {
        Self {
            settings,
            retry_at: AtomicI64::new(CLOSED),
            failures: AtomicU32::new(0),
            failed: AtomicU64::new(0),
            probing: AtomicBool::new(false),
            probes: AtomicU32::new(0),
            heard_at: AtomicI64::new(i64::MIN),
            unanswered: AtomicU32::new(0),
        }
    }

    /// Returns `true` if the breaker can open.
    pub(crate) fn is_on(&self) -> bool {
        self.settings.is_some()
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.retry_at.load(Ordering::Acquire) {
            CLOSED => BreakerState::Closed,
            _ if self.probing.load(Ordering::Acquire) => BreakerState::HalfOpen,
            _ => BreakerState::Open,
        }
    }

    /// Returns `true` if the store may be asked. `now` (epoch ms) is read only while the breaker is
    /// open.
    #[inline]
    pub(crate) fn admits(&self, now: impl FnOnce() -> i64) -> bool {
        match self.retry_at.load(Ordering::Relaxed) {
            CLOSED => true,
            retry_at => self.admits_probe(retry_at, now()),
        }
    }

    /// Returns `true` if nobody may ask the store at `now` (epoch ms), not even as a probe.
    pub(crate) fn refuses(&self, now: i64) -> bool {
        let retry_at = self.retry_at.load(Ordering::Relaxed);
        // If the clock was set back, the breaker must not stay open for longer than twice the
        // longest pause.
        retry_at != CLOSED
            && now < retry_at
            && retry_at <= now.saturating_add(self.cool_down().saturating_mul(2))
    }

    /// Returns `true` if the caller is the probe.
    #[cold]
    fn admits_probe(&self, retry_at: i64, now: i64) -> bool {
        if self.refuses(now) {
            return false;
        }
        let next = self.next(now);
        // One probe at a time: the winner moves the time of the next probe, so later callers are
        // not admitted. If a probe gets lost, another one follows after the same pause.
        let won = self
            .retry_at
            .compare_exchange(retry_at, next, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if won {
            self.probing.store(true, Ordering::Release);
            telemetry::breaker(telemetry::BreakerGauge::Probing);
        }
        won
    }

    /// Notes that the store is asked. Dropping the result notes that the call is over.
    pub(crate) fn asks(&self, now: impl FnOnce() -> i64) -> Unanswered<'_> {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) == 0 {
            // The store was silent before because nobody asked it.
            self.heard_at.store(now(), Ordering::Relaxed);
        }
        Unanswered(self)
    }

    /// Notes how a store call ended.
    pub(crate) fn heard<T>(&self, result: &Result<T, StoreError>, now: impl FnOnce() -> i64) {
        match result {
            Err(error) if error.is_busy() => self.heard_at.store(now(), Ordering::Relaxed),
            Err(error) if error.kind().is_outage() => self.failed(now()),
            // The store has answered, even if the call or the stored data was wrong.
            _ => {
                self.heard_at.store(now(), Ordering::Relaxed);
                self.answered();
            }
        }
    }

    /// Notes that a store call did not end in time.
    pub(crate) fn timed_out(&self, now: i64) {
        self.failed(now);
    }

    /// Notes that an acquire has missed its deadline. A missed deadline is a failure if the store
    /// has been silent for longer than `patience` (ms).
    pub(crate) fn missed(&self, now: i64, patience: i64) {
        if now.saturating_sub(self.heard_at.load(Ordering::Relaxed)) > patience {
            self.failed(now);
        }
    }

    fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        self.note(false);
        if !self.is_convincing() {
            return;
        }
        if self.retry_at.load(Ordering::Relaxed) != CLOSED
            && self.retry_at.swap(CLOSED, Ordering::AcqRel) != CLOSED
        {
            self.probing.store(false, Ordering::Release);
            self.probes.store(0, Ordering::Relaxed);
            self.failed.store(0, Ordering::Relaxed);
            telemetry::breaker_closed();
        }
    }

    /// Returns `true` if an answer closes the breaker. With a failure rate, calls that were in
    /// flight when it opened may succeed, so only answers after a probe was sent count.
    fn is_convincing(&self) -> bool {
        self.settings.is_none_or(|settings| settings.rate.is_none())
            || self.probing.load(Ordering::Acquire)
    }

    fn failed(&self, now: i64) {
        let Some(settings) = &self.settings else {
            return;
        };
        let failures = self
            .failures
            .fetch_add(1, Ordering::AcqRel)
            .saturating_add(1);
        let failed = self.note(true);
        let next = self.next(now);
        if failures < settings.failures
            && !settings.rate.is_some_and(|rate| rate.is_reached(failed))
        {
            return;
        }
        if self
            .retry_at
            .compare_exchange(CLOSED, next, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            telemetry::breaker_opened(failures);
        } else if self.probing.swap(false, Ordering::AcqRel) {
            self.probes.fetch_add(1, Ordering::Relaxed);
            self.retry_at.store(self.next(now), Ordering::Release);
        }
    }

    /// Notes one more call, if there is a failure rate. Returns the bits of the last calls, set for
    /// the calls that failed.
    fn note(&self, failed: bool) -> u64 {
        if self.settings.is_none_or(|settings| settings.rate.is_none()) {
            return 0;
        }
        let noted = |calls: u64| calls << 1 | u64::from(failed);
        match self
            .failed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| {
                Some(noted(calls))
            }) {
            Ok(calls) | Err(calls) => noted(calls),
        }
    }

    /// Returns the time at which the store may be asked next, epoch ms.
    fn next(&self, now: i64) -> i64 {
        let longer = FIRST_PAUSE.saturating_mul(1 << self.probes.load(Ordering::Relaxed).min(30));
        let pause = self.cool_down().min(longer);
        now.saturating_add(pause)
            .saturating_add(fastrand::i64(0..=pause / 2))
    }

    fn cool_down(&self) -> i64 {
        let time = self
            .settings
            .map_or(Duration::ZERO, |settings| settings.cool_down);
        i64::try_from(time.as_millis())
            .unwrap_or(i64::MAX / 4)
            .min(i64::MAX / 4)
    }
}
