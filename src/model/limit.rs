//! The definition of a limit: a token bucket or a quota.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    IntoName, InvalidLimit, LimitName, MILLI, Parameters, Renewal, Timetable,
    invalid_limit::{MAX_PERIOD, MOST_TOKENS},
};

/// A named limit: a token bucket with capacity (the burst ceiling), refill amount and refill
/// period, or a [quota](Self::quota).
///
/// ```
/// use std::time::Duration;
/// use tollgate::Limit;
///
/// // 100 per minute, with bursts of up to 100.
/// let rpm = Limit::per_minute("rpm", 100);
/// assert_eq!((rpm.capacity(), rpm.refill_amount()), (100, 100));
///
/// // The same rate, with bursts of up to 250.
/// let rpm = Limit::per_minute("rpm", 100).with_burst(250);
/// assert_eq!((rpm.capacity(), rpm.refill_amount()), (250, 100));
///
/// // Any other limit, with checks: for example from a configuration file.
/// let custom = Limit::new("tokens", 5000, 100, Duration::from_secs(90))?;
/// assert!(Limit::new("tokens", 0, 100, Duration::from_secs(90)).is_err());
/// # Ok::<(), tollgate::model::InvalidLimit>(())
/// ```
///
/// With serde, a token bucket has four fields, which are the same as in the Python client. The
/// period may have decimal places, down to a millisecond. A quota has `reset_schedule` or
/// `reset_after_seconds` in addition, and no refill. `schedule` and `soft` are left out if they are
/// not set. A token bucket:
///
/// ```
/// use tollgate::Limit;
///
/// let text = r#"{"name": "rpm", "capacity": 250, "refill_amount": 100, "refill_period_seconds": 60}"#;
/// let limit: Limit = serde_json::from_str(text)?;
/// assert_eq!(limit, Limit::per_minute("rpm", 100).with_burst(250));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    try_from = "super::limit_form::LimitForm",
    into = "super::limit_form::LimitForm"
)]
pub struct Limit {
    name: LimitName,
    capacity: u64,
    refill_amount: u64,
    refill_period: Duration,
    renewal: Option<Renewal>,
    timetable: Option<Timetable>,
    is_soft: bool,
}

/// The refill period of a quota, which does not refill. The same as in the Python client.
const QUOTA_PERIOD: Duration = Duration::from_secs(1);

impl Limit {
    /// The maximum capacity and refill amount in tokens, as in the Python client. Header fields show at
    /// most fifteen digits, which is one token less.
    pub const MAX_TOKENS: u64 = MOST_TOKENS;

    /// Returns a limit of `amount` tokens per second, with bursts of up to `amount`.
    ///
    /// # Panics
    /// If `name` is not a [`LimitName`], or if `amount` is 0 or above [`Self::MAX_TOKENS`]. For
    /// values that are not literals in the source, use [`Limit::new`].
    #[track_caller]
    pub fn per_second(name: impl IntoName<LimitName>, amount: u64) -> Self {
        Self::every(name, amount, Duration::from_secs(1))
    }

    /// Returns a limit of `amount` tokens per minute, with bursts of up to `amount`.
    ///
    /// # Panics
    /// Panics in the cases of [`Limit::per_second`].
    #[track_caller]
    pub fn per_minute(name: impl IntoName<LimitName>, amount: u64) -> Self {
        Self::every(name, amount, Duration::from_secs(60))
    }

    /// Returns a limit of `amount` tokens per hour, with bursts of up to `amount`.
    ///
    /// # Panics
    /// Panics in the cases of [`Limit::per_second`].
    #[track_caller]
    pub fn per_hour(name: impl IntoName<LimitName>, amount: u64) -> Self {
        Self::every(name, amount, Duration::from_secs(3600))
    }

    /// Returns a limit of `amount` tokens per 24 hours, with bursts of up to `amount`.
    ///
    /// # Panics
    /// Panics in the cases of [`Limit::per_second`].
    #[track_caller]
    pub fn per_day(name: impl IntoName<LimitName>, amount: u64) -> Self {
        Self::every(name, amount, Duration::from_secs(86_400))
    }

    /// Returns the same limit with another capacity. The rate stays.
    ///
    /// # Panics
    /// If `capacity` is 0 or above [`Self::MAX_TOKENS`], or if the limit is a quota.
    #[must_use]
    #[track_caller]
    pub fn with_burst(self, capacity: u64) -> Self {
        let is_soft = self.is_soft;
        let limit = Self::check(self.name, capacity, self.refill_amount, self.refill_period);
        let limit = match self.timetable {
            None => limit,
            Some(timetable) => limit.and_then(|limit| limit.with_timetable(timetable)),
        };
        match limit {
            Ok(limit) => Self { is_soft, ..limit },
            Err(error) => panic!("with_burst: {error}"),
        }
    }

    /// Returns a limit with any capacity, refill amount (tokens) and refill period.
    ///
    /// # Errors
    /// [`InvalidLimit`] if the name is not valid, an amount or the period is 0, an amount is above
    /// [`Self::MAX_TOKENS`], or the period is not a whole number of milliseconds or is longer than
    /// 100 years.
    pub fn new(
        name: impl IntoName<LimitName>,
        capacity: u64,
        refill_amount: u64,
        refill_period: Duration,
    ) -> Result<Self, InvalidLimit> {
        Self::check(name.into_name()?, capacity, refill_amount, refill_period)
    }

    #[track_caller]
    fn every(name: impl IntoName<LimitName>, amount: u64, period: Duration) -> Self {
        match Self::new(name, amount, amount, period) {
            Ok(limit) => limit,
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn check(
        name: LimitName,
        capacity: u64,
        refill_amount: u64,
        refill_period: Duration,
    ) -> Result<Self, InvalidLimit> {
        for (amount, zero) in [
            (capacity, InvalidLimit::NoCapacity),
            (refill_amount, InvalidLimit::NoRefill),
        ] {
            if amount == 0 {
                return Err(zero);
            }
            if amount > Self::MAX_TOKENS {
                return Err(InvalidLimit::TooManyTokens { amount });
            }
        }
        if !refill_period.subsec_nanos().is_multiple_of(1_000_000)
            || refill_period.is_zero()
            || refill_period > MAX_PERIOD
        {
            return Err(InvalidLimit::Period {
                period: refill_period,
            });
        }
        Ok(Self {
            name,
            capacity,
            refill_amount,
            refill_period,
            renewal: None,
            timetable: None,
            is_soft: false,
        })
    }

    /// Returns a quota.
    pub(crate) fn renewed(
        name: LimitName,
        amount: u64,
        renewal: Renewal,
    ) -> Result<Self, InvalidLimit> {
        let limit = Self::check(name, amount, 1, QUOTA_PERIOD)?;
        Ok(Self {
            refill_amount: 0,
            renewal: Some(renewal),
            ..limit
        })
    }

    pub(super) fn replaced_timetable(self, timetable: Option<Timetable>) -> Self {
        Self { timetable, ..self }
    }

    /// Returns the schedule of the limit's numbers, in the form that its buckets share.
    pub(crate) fn timetable(&self) -> Option<&Timetable> {
        self.timetable.as_ref()
    }

    /// Returns a limit with these numbers and without a schedule.
    pub(super) fn with_numbers(&self, numbers: Parameters) -> Self {
        let tokens = |amount: i64| u64::try_from(amount / MILLI).unwrap_or(0).max(1);
        let period = u64::try_from(numbers.refill_period()).unwrap_or(1);
        Self {
            name: self.name.clone(),
            capacity: tokens(numbers.capacity()),
            refill_amount: if self.is_quota() {
                0
            } else {
                tokens(numbers.refill_amount())
            },
            refill_period: Duration::from_millis(period),
            renewal: self.renewal.clone(),
            timetable: None,
            is_soft: self.is_soft,
        }
    }

    /// Returns the same limit, made soft: it is charged like any other, but refuses nothing. Its
    /// level may become negative: then [`LimitStatus::overdrawn`](super::LimitStatus::overdrawn) is
    /// `true`.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimiter};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let limiter = RateLimiter::memory();
    /// let plan = Limit::per_day("tokens", 10).soft();
    /// let lease = limiter.acquire("user-1", "api").limits(plan).cost("tokens", 12).await?;
    /// assert!(lease.is_overdrawn());
    /// # Ok::<(), tollgate::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn soft(mut self) -> Self {
        self.is_soft = true;
        self
    }

    /// Returns the same limit, soft or not.
    pub(crate) fn with_softness(mut self, is_soft: bool) -> Self {
        self.is_soft = is_soft;
        self
    }

    /// Returns `true` if the limit is [soft](Self::soft).
    pub fn is_soft(&self) -> bool {
        self.is_soft
    }

    /// Returns `true` if the limit is a [quota](Self::quota).
    pub fn is_quota(&self) -> bool {
        self.renewal.is_some()
    }

    /// Returns the periods of a quota; `None` for a token bucket.
    pub fn renewal(&self) -> Option<&Renewal> {
        self.renewal.as_ref()
    }

    /// Returns the limit's name.
    pub fn name(&self) -> &LimitName {
        &self.name
    }

    /// Returns the maximum number of tokens in the bucket: the burst ceiling.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Returns the tokens that are refilled every [`refill_period`](Self::refill_period); 0 for a
    /// quota.
    pub fn refill_amount(&self) -> u64 {
        self.refill_amount
    }

    /// Returns the time in which [`refill_amount`](Self::refill_amount) tokens are refilled.
    pub fn refill_period(&self) -> Duration {
        self.refill_period
    }

    /// Returns the refill rate in tokens per second.
    pub fn refill_rate(&self) -> f64 {
        self.refill_amount as f64 / self.refill_period.as_secs_f64()
    }

    /// Returns the time until an empty bucket is full, rounded up to a millisecond. For a quota,
    /// the length of its periods: see [`Renewal::usual_length`].
    pub fn time_to_fill(&self) -> Duration {
        let millis = match &self.renewal {
            None => self.rule().time_to_fill(),
            Some(renewal) => renewal.usual_length(),
        };
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_make_no_limit_are_refused() {
        let second = Duration::from_secs(1);
        assert_eq!(Limit::new("a", 0, 1, second), Err(InvalidLimit::NoCapacity));
        assert_eq!(Limit::new("a", 1, 0, second), Err(InvalidLimit::NoRefill));
        assert!(matches!(
            Limit::new("a b", 1, 1, second),
            Err(InvalidLimit::Name(_))
        ));
        assert!(matches!(
            Limit::new("a", u64::MAX, 1, second),
            Err(InvalidLimit::TooManyTokens { .. })
        ));
        for period in [Duration::ZERO, Duration::from_micros(1500), Duration::MAX] {
            assert_eq!(
                Limit::new("a", 1, 1, period),
                Err(InvalidLimit::Period { period })
            );
        }
    }

    #[test]
    #[should_panic(expected = "capacity must be at least 1")]
    fn literals_that_make_no_limit_panic() {
        let _ = Limit::per_second("rps", 0);
    }

    #[test]
    fn the_time_to_fill_is_rounded_up() {
        let limit = Limit::new("a", 10, 3, Duration::from_secs(1)).unwrap();
        assert_eq!(limit.time_to_fill(), Duration::from_millis(3334));
    }
}
