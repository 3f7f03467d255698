//! The definition of a limit: a token bucket or a quota.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Calendar, IntoName, InvalidName, InvalidSchedule, LimitName, MILLI, Parameters, RefillRule,
    Renewal, ResetSchedule, to_milli,
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
/// `reset_after_seconds` in addition, and no refill. A token bucket:
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
#[serde(try_from = "Fields", into = "Fields")]
pub struct Limit {
    name: LimitName,
    capacity: u64,
    refill_amount: u64,
    refill_period: Duration,
    renewal: Option<Renewal>,
}

/// The refill period of a quota, which does not refill. The same as in the Python client.
const QUOTA_PERIOD: Duration = Duration::from_secs(1);

impl Limit {
    /// The maximum capacity and refill amount in tokens: fifteen digits, the most that a structured
    /// header field can have.
    pub const MAX_TOKENS: u64 = 999_999_999_999_999;

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

    /// Begins the definition of a quota of `amount` tokens in each period. Nothing is refilled
    /// during a period. When it ends, the whole amount is back, and debts are gone. The guide has
    /// [a page on quotas](crate::guide::quotas).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tollgate::Limit;
    ///
    /// // A million tokens in each calendar month in Berlin.
    /// let plan = Limit::quota("tokens", 1_000_000).monthly("Europe/Berlin")?;
    /// // 10 000 in five hours, from the first request on.
    /// let session = Limit::quota("session", 10_000).session(Duration::from_secs(5 * 3600))?;
    /// assert!(plan.is_quota() && session.is_quota());
    /// # Ok::<(), tollgate::model::InvalidLimit>(())
    /// ```
    pub fn quota(name: impl IntoName<LimitName>, amount: u64) -> Quota {
        Quota {
            name: name.into_name(),
            amount,
        }
    }

    /// Returns the same limit with another capacity. The rate stays.
    ///
    /// # Panics
    /// If `capacity` is 0 or above [`Self::MAX_TOKENS`], or if the limit is a quota.
    #[must_use]
    #[track_caller]
    pub fn with_burst(self, capacity: u64) -> Self {
        match Self::check(self.name, capacity, self.refill_amount, self.refill_period) {
            Ok(limit) => limit,
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

    fn check(
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

    /// Returns the limit `name` with `parameters`; `None` if they are not valid for a limit, for
    /// example not whole tokens.
    pub(crate) fn from_parameters(
        name: &LimitName,
        parameters: Parameters,
        renewal: Option<&Renewal>,
    ) -> Option<Self> {
        let tokens = |amount: i64| {
            (amount % MILLI == 0)
                .then(|| u64::try_from(amount / MILLI).ok())
                .flatten()
        };
        if let Some(renewal) = renewal {
            let amount = tokens(parameters.capacity())?;
            return Self::renewed(name.clone(), amount, renewal.clone()).ok();
        }
        let period = Duration::from_millis(u64::try_from(parameters.refill_period()).ok()?);
        Self::new(
            name,
            tokens(parameters.capacity())?,
            tokens(parameters.refill_amount())?,
            period,
        )
        .ok()
    }

    /// Returns the rule of an unsharded bucket with this limit. The period of a quota is not known:
    /// it never ends.
    pub(crate) fn rule(&self) -> RefillRule {
        let rule = Parameters::from(self).whole();
        match &self.renewal {
            None => rule,
            Some(renewal) => RefillRule::quota(rule.capacity(), renewal.cycle(), i64::MAX),
        }
    }

    /// Returns the rule of an unsharded bucket with this limit at `now` (epoch ms). A session is
    /// taken to begin now, because the bucket is not known.
    pub(crate) fn rule_at(&self, now: i64) -> RefillRule {
        let rule = Parameters::from(self).whole();
        match &self.renewal {
            None => rule,
            Some(renewal) => {
                let left = renewal.end_after(now).saturating_sub(now);
                RefillRule::quota(rule.capacity(), renewal.cycle(), left)
            }
        }
    }

    /// Returns the rule of an unsharded bucket with this limit at `now` (epoch ms), in a period of
    /// the quota with this [id](super::Period::id). With an id of 0 the period is not known.
    pub(crate) fn rule_in(&self, period: i64, now: i64) -> RefillRule {
        match &self.renewal {
            Some(Renewal::Session(length)) if period > 0 => {
                let capacity = Parameters::from(self).whole().capacity();
                RefillRule::quota(capacity, *length, period.saturating_sub(now))
            }
            _ => self.rule_at(now),
        }
    }

    /// Returns the refill in `millis` milliseconds: millitokens, rounded down. A quota has none.
    pub(crate) fn refill_in(&self, millis: i64) -> i64 {
        if self.is_quota() {
            return 0;
        }
        i64::try_from(self.rule().accrue(millis, 0).raw).unwrap_or(i64::MAX)
    }

    /// Returns `parts` of `of` parts of the limit. The capacity is rounded down, but to at least
    /// one token. `None` if the part is not a valid limit.
    pub(crate) fn part(&self, parts: u32, of: u32) -> Option<Self> {
        let tokens = |whole: u64| {
            let part = u128::from(whole) * u128::from(parts) / u128::from(of.max(1));
            u64::try_from(part).unwrap_or(whole).max(1)
        };
        if let Some(renewal) = &self.renewal {
            return Self::renewed(self.name.clone(), tokens(self.capacity), renewal.clone()).ok();
        }
        let part = |amount, period| {
            Self::check(self.name.clone(), tokens(self.capacity), amount, period).ok()
        };
        // A longer period keeps the rate exact. A smaller amount would be rounded.
        let period =
            (self.refill_period.as_millis() * u128::from(of)).div_ceil(u128::from(parts.max(1)));
        let longer = u64::try_from(period).ok().map(Duration::from_millis);
        let longer = longer.and_then(|period| part(self.refill_amount, period));
        longer.or_else(|| part(tokens(self.refill_amount), self.refill_period))
    }
}

impl From<&Limit> for Parameters {
    fn from(limit: &Limit) -> Self {
        let period = i64::try_from(limit.refill_period().as_millis()).unwrap_or(i64::MAX);
        Self::of_limit(
            to_milli(limit.capacity()),
            to_milli(limit.refill_amount()),
            period,
        )
    }
}

/// A quota whose periods are to be set: [`Limit::quota`].
#[derive(Clone, Debug)]
#[must_use = "a quota needs periods"]
pub struct Quota {
    name: Result<LimitName, InvalidName>,
    amount: u64,
}

impl Quota {
    /// The longest session.
    pub const LONGEST_SESSION: Duration = Duration::from_secs(1_000_000_000);

    /// Periods that begin at midnight in a time zone, such as `Europe/Berlin` or `UTC`. In a zone
    /// whose clocks skip or repeat midnight, that day has no such beginning, or two.
    ///
    /// # Errors
    /// Those of [`calendar`](Self::calendar).
    pub fn daily(self, zone: &str) -> Result<Limit, InvalidLimit> {
        self.calendar("0 0 * * *", zone)
    }

    /// Periods that begin with each Monday in a time zone.
    ///
    /// # Errors
    /// Those of [`calendar`](Self::calendar).
    pub fn weekly(self, zone: &str) -> Result<Limit, InvalidLimit> {
        self.calendar("0 0 * * 1", zone)
    }

    /// Periods that begin with each month in a time zone.
    ///
    /// # Errors
    /// Those of [`calendar`](Self::calendar).
    pub fn monthly(self, zone: &str) -> Result<Limit, InvalidLimit> {
        self.calendar("0 0 1 * *", zone)
    }

    /// Periods that begin at the edges of a cron expression with five fields: minute, hour, day of
    /// the month, month, day of the week. See [`ResetSchedule`].
    ///
    /// # Errors
    /// [`InvalidLimit::Schedule`] if the expression or the zone is not valid, or without the feature
    /// `quotas`; [`InvalidLimit::Name`], [`InvalidLimit::NoCapacity`] and
    /// [`InvalidLimit::TooManyTokens`] as with [`Limit::new`].
    pub fn calendar(self, cron: &str, zone: &str) -> Result<Limit, InvalidLimit> {
        let schedule = ResetSchedule::new([cron], zone)?;
        self.schedule(schedule)
    }

    /// Periods that begin at the edges of a schedule.
    ///
    /// # Errors
    /// As with [`Limit::new`].
    pub fn schedule(self, schedule: ResetSchedule) -> Result<Limit, InvalidLimit> {
        self.renewed(Renewal::Calendar(Calendar::new(schedule)))
    }

    /// Sessions of this length: whole seconds. A session begins with the first request after the
    /// end of the last one. Until then nothing runs.
    ///
    /// # Errors
    /// [`InvalidLimit::Session`] if the length is 0, has a fraction of a second, or is above
    /// [`LONGEST_SESSION`](Self::LONGEST_SESSION); the others as with [`Limit::new`].
    pub fn session(self, length: Duration) -> Result<Limit, InvalidLimit> {
        let valid = !length.is_zero() && length.subsec_nanos() == 0;
        if !valid || length > Self::LONGEST_SESSION {
            return Err(InvalidLimit::Session { length });
        }
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        self.renewed(Renewal::Session(millis))
    }

    fn renewed(self, renewal: Renewal) -> Result<Limit, InvalidLimit> {
        Limit::renewed(self.name?, self.amount, renewal)
    }
}

/// 100 years of 365.25 days.
const MAX_PERIOD: Duration = Duration::from_secs(3_155_760_000);

/// An error for values that are not a valid limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimit {
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The capacity is 0. Such a bucket would grant nothing.
    #[error("a limit's capacity must be at least 1 token")]
    NoCapacity,
    /// The refill amount is 0. Such a bucket would grant its capacity once.
    #[error("a limit's refill amount must be at least 1 token")]
    NoRefill,
    /// An amount is more than [`Limit::MAX_TOKENS`].
    #[error(
        "{amount} tokens are more than a limit can have ({})",
        Limit::MAX_TOKENS
    )]
    TooManyTokens {
        /// The refused amount, tokens.
        amount: u64,
    },
    /// The refill period is 0, has a fraction of a millisecond, or is longer than 100 years.
    #[error(
        "a refill period must be a whole number of milliseconds, from 1 to 100 years, not {period:?}"
    )]
    Period {
        /// The refused period.
        period: Duration,
    },
    /// The calendar of a quota is not valid.
    #[error(transparent)]
    Schedule(#[from] InvalidSchedule),
    /// The length of a session is 0, has a fraction of a second, or is too long.
    #[error(
        "a session must be a whole number of seconds, from 1 to {}, not {length:?}",
        Quota::LONGEST_SESSION.as_secs()
    )]
    Session {
        /// The refused length.
        length: Duration,
    },
    /// The expressions of one calendar have different time zones.
    #[error("all expressions of a reset schedule must have the same time zone")]
    Zones,
    /// A quota has both a calendar and sessions, or a refill.
    #[error("a quota has either a reset schedule or sessions, and no refill")]
    Mixed,
}

/// The serialized form of a limit, with the words and units of the Python client.
#[derive(Serialize, Deserialize)]
struct Fields {
    name: String,
    capacity: u64,
    refill_amount: u64,
    refill_period_seconds: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reset_schedule: Vec<ResetFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reset_after_seconds: Option<u64>,
}

/// The serialized form of one cron expression of a quota.
#[derive(Serialize, Deserialize)]
struct ResetFields {
    cron: String,
    #[serde(default = "utc")]
    tz: String,
}

fn utc() -> String {
    "UTC".into()
}

impl Fields {
    /// Returns the periods of a quota.
    fn renewal(&self) -> Result<Option<Renewal>, InvalidLimit> {
        let length = self.reset_after_seconds.map(Duration::from_secs);
        match (self.reset_schedule.first(), length) {
            (None, None) => Ok(None),
            (Some(first), None) => {
                let crons = self.reset_schedule.iter().map(|entry| entry.cron.as_str());
                if self.reset_schedule.iter().any(|entry| entry.tz != first.tz) {
                    return Err(InvalidLimit::Zones);
                }
                let schedule = ResetSchedule::new(crons, &first.tz)?;
                Ok(Some(Renewal::Calendar(Calendar::new(schedule))))
            }
            (None, Some(length)) => {
                let limit = Limit::quota(&self.name, self.capacity).session(length)?;
                Ok(limit.renewal)
            }
            (Some(_), Some(_)) => Err(InvalidLimit::Mixed),
        }
    }
}

impl TryFrom<Fields> for Limit {
    /// The text names the limit, because a file usually has several.
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        // Rounded to milliseconds, because 0.1 seconds has no exact binary representation.
        let seconds = fields.refill_period_seconds;
        let period = if seconds.is_finite() && seconds >= 0.0 && seconds <= MAX_PERIOD.as_secs_f64()
        {
            Duration::from_millis((seconds * 1000.0).round() as u64)
        } else {
            Duration::ZERO
        };
        let limit = match fields.renewal() {
            Ok(None) => Self::new(&fields.name, fields.capacity, fields.refill_amount, period),
            Ok(Some(_)) if fields.refill_amount > 0 => Err(InvalidLimit::Mixed),
            Ok(Some(renewal)) => fields
                .name
                .as_str()
                .into_name()
                .map_err(InvalidLimit::from)
                .and_then(|name| Self::renewed(name, fields.capacity, renewal)),
            Err(error) => Err(error),
        };
        limit.map_err(|error| format!("limit {:?}: {error}", fields.name))
    }
}

impl From<Limit> for Fields {
    fn from(limit: Limit) -> Self {
        let (mut reset_schedule, mut reset_after_seconds) = (Vec::new(), None);
        match &limit.renewal {
            None => {}
            Some(Renewal::Calendar(calendar)) => {
                let schedule = calendar.schedule();
                let entry = |cron: &str| ResetFields {
                    cron: cron.to_owned(),
                    tz: schedule.zone().to_owned(),
                };
                reset_schedule = schedule.crons().map(entry).collect();
            }
            Some(Renewal::Session(length)) => {
                reset_after_seconds = u64::try_from(length / 1000).ok();
            }
        }
        Self {
            reset_schedule,
            reset_after_seconds,
            refill_period_seconds: limit.refill_period.as_secs_f64(),
            capacity: limit.capacity,
            refill_amount: limit.refill_amount,
            name: limit.name.into(),
        }
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
    fn a_limit_is_serialized_in_the_words_of_the_peer() {
        let limit = Limit::new("rpm", 10, 5, Duration::from_millis(100)).unwrap();
        let json = serde_json::to_value(&limit).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"name": "rpm", "capacity": 10, "refill_amount": 5, "refill_period_seconds": 0.1})
        );
        assert_eq!(serde_json::from_value::<Limit>(json).unwrap(), limit);
        let bad = serde_json::json!({"name": "rpm", "capacity": 10, "refill_amount": 5, "refill_period_seconds": -1});
        let error = serde_json::from_value::<Limit>(bad).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("limit \"rpm\": a refill period must be")
        );
    }

    #[test]
    fn the_time_to_fill_is_rounded_up() {
        let limit = Limit::new("a", 10, 3, Duration::from_secs(1)).unwrap();
        assert_eq!(limit.time_to_fill(), Duration::from_millis(3334));
    }
}
