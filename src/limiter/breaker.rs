//! The circuit breaker: it stops requests from asking a store that keeps failing.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use crate::{model::BreakerState, store::StoreError, telemetry};

/// Settings of the circuit breaker, which stops requests from waiting for a store that keeps failing:
/// [`Builder::breaker`](super::Builder::breaker).
///
/// The breaker opens after a number of [`failures`](Self::failures) in a row, or if the share of failures in the last
/// calls reaches the [`failure_rate`](Self::failure_rate). While it is open, acquires that need the store fail at once
/// with [`Unavailable::BreakerOpen`](crate::error::Unavailable::BreakerOpen). After 50 ms one acquire asks the store as
/// a probe, and after each failed probe the pause doubles, up to the [`cool_down`](Self::cool_down). When the store
/// answers, the breaker closes.
///
/// A store call counts as a failure if it timed out, its connection failed, or the store answered with a server error.
/// An acquire that missed its deadline also counts if the store was asked and has answered nothing at all for 400 ms,
/// or for four round trips if that is longer. So the first callers already detect a store that accepts connections and
/// never answers. No other answer is a failure: not a denial, a lost race for a bucket or a missing permission.
/// Throttling counts neither as a failure nor as a success, because it mostly affects one busy bucket while the store
/// is up. Failed transactions do not count either, because they may fail by their own number.
///
/// While the breaker is open, all that needs no store call works on: grants from prefetched tokens, and denials of
/// buckets that are known to be short. Settlements are still tried. If one is written, the breaker closes, unless there
/// is a failure rate: then only a probe closes it.
///
/// ```
/// use std::time::Duration;
/// use tollgate::limiter::Breaker;
///
/// let breaker = Breaker::new().failures(10).cool_down(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing by themselves"]
pub struct Breaker {
    failures: u32,
    rate: Option<Rate>,
    cool_down: Duration,
}

/// A number of failures among the last calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    failures: u32,
    /// A mask with one bit for each call that counts.
    calls: u64,
}

impl Rate {
    fn is_reached(self, failed: u64) -> bool {
        (failed & self.calls).count_ones() >= self.failures
    }
}

impl Breaker {
    /// Returns the default settings: opens after 5 failures in a row, and pauses for up to a second before a probe.
    pub const fn new() -> Self {
        Self { failures: 5, rate: None, cool_down: Duration::from_secs(1) }
    }

    /// Sets how many store calls in a row must fail. Default: 5; at least 1.
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// Also opens the breaker if at least `percent` of the last `calls` store calls have failed, in any order: if a
    /// store answers every other call, failures in a row never reach the bound. At most 64 calls are counted, and none
    /// from before the breaker last closed. Off by default. With this setting, only a probe that is answered closes the
    /// breaker.
    ///
    /// While the breaker is open, the store decides nothing: a low failure rate does less harm than that.
    ///
    /// ```
    /// use tollgate::limiter::Breaker;
    ///
    /// let breaker = Breaker::new().failure_rate(50, 20);
    /// ```
    pub fn failure_rate(mut self, percent: u32, calls: u32) -> Self {
        let calls = calls.clamp(1, u64::BITS);
        let failures = (percent.min(100) * calls).div_ceil(100).max(1);
        self.rate = Some(Rate { failures, calls: u64::MAX >> (u64::BITS - calls) });
        self
    }

    /// Sets the longest pause before the store is asked again, by the limiter's clock. Up to half of the pause is added
    /// at random, so that processes do not all ask at the same time. The first pauses are shorter: 50 ms, then twice as
    /// long each time. Default: a second.
    pub fn cool_down(mut self, time: Duration) -> Self {
        self.cool_down = time;
        self
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

/// The breaker of one limiter.
#[derive(Debug)]
pub(super) struct Switch {
    settings: Option<Breaker>,
    /// The time at which the store may be asked again, epoch ms; [`CLOSED`] while the breaker is closed.
    retry_at: AtomicI64,
    /// The number of failures in a row.
    failures: AtomicU32,
    /// The outcomes of the last calls: a bit is 1 for a failure. The lowest bit is the last call.
    failed: AtomicU64,
    /// `true` while a probe asks the store if it answers again.
    probing: AtomicBool,
    /// The number of failed probes since the breaker opened.
    probes: AtomicU32,
    /// The time of the store's last answer, or of the first call after all calls were answered: epoch ms.
    heard_at: AtomicI64,
    /// The number of calls without an answer yet.
    unanswered: AtomicU32,
}

const CLOSED: i64 = i64::MIN;

/// A call that has no answer yet.
pub(super) struct Unanswered<'a>(&'a Switch);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.unanswered.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The first pause after the breaker has opened, ms. Each further pause is twice as long.
const FIRST_PAUSE: i64 = 50;

impl Switch {
    /// Creates a breaker. Without settings it never opens.
    pub(super) fn new(settings: Option<Breaker>) -> Self {
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
    pub(super) fn is_on(&self) -> bool {
        self.settings.is_some()
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.retry_at.load(Ordering::Acquire) {
            CLOSED => BreakerState::Closed,
            _ if self.probing.load(Ordering::Acquire) => BreakerState::HalfOpen,
            _ => BreakerState::Open,
        }
    }

    /// Returns `true` if the store may be asked. `now` (epoch ms) is read only while the breaker is open.
    #[inline]
    pub(super) fn admits(&self, now: impl FnOnce() -> i64) -> bool {
        match self.retry_at.load(Ordering::Relaxed) {
            CLOSED => true,
            retry_at => self.admits_probe(retry_at, now()),
        }
    }

    /// Returns `true` if no request may ask the store at `now` (epoch ms), not even as a probe.
    pub(super) fn refuses(&self, now: i64) -> bool {
        let retry_at = self.retry_at.load(Ordering::Relaxed);
        // If the clock was set back, the breaker must not stay open for longer than twice the pause.
        retry_at != CLOSED && now < retry_at && retry_at <= now.saturating_add(self.cool_down().saturating_mul(2))
    }

    /// Returns `true` if the caller is the one to probe.
    #[cold]
    fn admits_probe(&self, retry_at: i64, now: i64) -> bool {
        if self.refuses(now) {
            return false;
        }
        let next = self.next(now);
        // Only one thread wins: the others find the next time here. If a probe gets lost, another one follows after the
        // same pause.
        let won = self.retry_at.compare_exchange(retry_at, next, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if won {
            self.probing.store(true, Ordering::Release);
            telemetry::breaker(telemetry::BreakerState::Probing);
        }
        won
    }

    /// Counts a call to the store, until the returned guard is dropped.
    pub(super) fn asks(&self, now: impl FnOnce() -> i64) -> Unanswered<'_> {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) == 0 {
            // The store was silent because it was not asked.
            self.heard_at.store(now(), Ordering::Relaxed);
        }
        Unanswered(self)
    }

    /// Records the outcome of a store call.
    pub(super) fn heard<T>(&self, result: &Result<T, StoreError>, now: impl FnOnce() -> i64) {
        match result {
            Err(error) if error.is_busy() => self.heard_at.store(now(), Ordering::Relaxed),
            Err(error) if error.kind().is_outage() => self.failed(now()),
            // The store answers, although its data or the call is wrong.
            _ => {
                self.heard_at.store(now(), Ordering::Relaxed);
                self.answered();
            }
        }
    }

    /// Records that a store call did not end in time.
    pub(super) fn timed_out(&self, now: i64) {
        self.failed(now);
    }

    /// Records that an acquire has missed its deadline. This is a failure if the store has been silent for longer than
    /// `patience` (ms).
    pub(super) fn missed(&self, now: i64, patience: i64) {
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
        if self.retry_at.load(Ordering::Relaxed) != CLOSED && self.retry_at.swap(CLOSED, Ordering::AcqRel) != CLOSED {
            self.probing.store(false, Ordering::Release);
            self.probes.store(0, Ordering::Relaxed);
            self.failed.store(0, Ordering::Relaxed);
            telemetry::breaker_closed();
        }
    }

    /// Returns `true` if an answer may close the breaker. With a failure rate it may only while a probe is in flight:
    /// some of the other calls that are still in flight succeed all the time.
    fn is_convincing(&self) -> bool {
        self.settings.is_none_or(|settings| settings.rate.is_none()) || self.probing.load(Ordering::Acquire)
    }

    fn failed(&self, now: i64) {
        let Some(settings) = &self.settings else { return };
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let failed = self.note(true);
        let next = self.next(now);
        if failures < settings.failures && !settings.rate.is_some_and(|rate| rate.is_reached(failed)) {
            return;
        }
        if self.retry_at.compare_exchange(CLOSED, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            telemetry::breaker_opened(failures);
        } else if self.probing.swap(false, Ordering::AcqRel) {
            self.probes.fetch_add(1, Ordering::Relaxed);
            self.retry_at.store(self.next(now), Ordering::Release);
        }
    }

    /// Records the outcome of a call if there is a failure rate, and returns the outcomes of the last calls.
    fn note(&self, failed: bool) -> u64 {
        if self.settings.is_none_or(|settings| settings.rate.is_none()) {
            return 0;
        }
        let noted = |calls: u64| calls << 1 | u64::from(failed);
        match self.failed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| Some(noted(calls))) {
            Ok(calls) | Err(calls) => noted(calls),
        }
    }

    /// Returns the time at which the store may be asked next: epoch ms.
    fn next(&self, now: i64) -> i64 {
        let longer = FIRST_PAUSE.saturating_mul(1 << self.probes.load(Ordering::Relaxed).min(30));
        let pause = self.cool_down().min(longer);
        now.saturating_add(pause).saturating_add(fastrand::i64(0..=pause / 2))
    }

    fn cool_down(&self) -> i64 {
        let time = self.settings.map_or(Duration::ZERO, |settings| settings.cool_down);
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
    }
}

#[cfg(test)]
mod tests;
