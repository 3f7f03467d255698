//! The settings of the circuit breaker.

use std::time::Duration;

/// Settings of the circuit breaker, which stops requests from waiting for a store that keeps
/// failing: [`RateLimiterBuilder::breaker`](crate::limiter::RateLimiterBuilder::breaker).
///
/// The breaker opens after [`failures`](Self::failures) failures in a row, or when as many of the
/// last calls have failed as [`failure_rate`](Self::failure_rate) says. While the breaker is open,
/// acquires that would have to ask the store fail at once, with
/// [`Unavailable::BreakerOpen`](crate::error::Unavailable::BreakerOpen). After 50 ms one acquire
/// asks the store as a probe. If the probe fails, another one follows after twice that time, up to
/// the [`cool_down`](Self::cool_down). When the store answers, the breaker closes.
///
/// A failure is a store call that timed out, whose connection failed, or that the store answered
/// with a server error. An acquire that missed its deadline is a failure too, if the store was
/// asked and has answered nothing at all for 400 ms, or for four round trips if these are longer.
/// So the first callers of a store that accepts connections and never answers already open the
/// breaker. Any other answer is no failure: a denial, a lost race for a bucket, a refusal for lack
/// of permission. Throttling counts neither as a failure nor as an answer: it mostly affects one
/// busy bucket, and the store is not down. Transactions that fail do not count either, because too
/// many transactions may be the cause.
///
/// Requests that need no store call are served while the breaker is open: grants from prefetched
/// tokens, denials of buckets that are known to be short. Settlements are still written. A
/// successful settlement also closes the breaker. With `failure_rate`, only a successful probe
/// does: in a half-broken store some write always succeeds.
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
    pub(super) failures: u32,
    pub(super) rate: Option<Rate>,
    pub(super) cool_down: Duration,
}

/// The number of failures among the last calls at which the breaker opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    failures: u32,
    /// The calls that count, one bit for each.
    calls: u64,
}

impl Rate {
    pub(super) fn is_reached(self, failed: u64) -> bool {
        (failed & self.calls).count_ones() >= self.failures
    }
}

impl Breaker {
    /// Creates settings that open after 5 failures in a row, with a cool-down of at most a second.
    pub const fn new() -> Self {
        Self {
            failures: 5,
            rate: None,
            cool_down: Duration::from_secs(1),
        }
    }

    /// Sets the number of store calls in a row that must fail. Default: 5; at least 1.
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// Also opens if at least `percent` of the last `calls` store calls have failed, in any order:
    /// a store that answers every other call never fails often in a row. Up to 64 calls count;
    /// calls from before the breaker has closed do not count. Off by default. With this setting,
    /// the breaker closes only when a probe is answered.
    ///
    /// While the breaker is open, the store decides nothing. A store that fails seldom does less
    /// harm than that.
    ///
    /// ```
    /// use tollgate::limiter::Breaker;
    ///
    /// let breaker = Breaker::new().failure_rate(50, 20);
    /// ```
    pub fn failure_rate(mut self, percent: u32, calls: u32) -> Self {
        let calls = calls.clamp(1, u64::BITS);
        let failures = (percent.min(100) * calls).div_ceil(100).max(1);
        self.rate = Some(Rate {
            failures,
            calls: u64::MAX >> (u64::BITS - calls),
        });
        self
    }

    /// Sets the longest pause before the store is asked again, by the limiter's clock. A random
    /// time of up to half the pause is added, so that processes do not ask all at once. The first
    /// pauses are shorter: 50 ms, then twice as long each time. Default: a second.
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
