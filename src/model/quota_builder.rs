//! The definition of a quota.

use std::time::Duration;

use super::{
    Calendar, IntoName, InvalidLimit, InvalidName, Limit, LimitName, Renewal, ResetSchedule,
    invalid_limit::LONGEST_SESSION,
};

impl Limit {
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
    pub const LONGEST_SESSION: Duration = LONGEST_SESSION;

    /// Periods that begin at midnight in a time zone, such as `Europe/Berlin` or `UTC`. In a zone
    /// whose clocks skip or repeat midnight, that day has no such beginning, or two.
    ///
    /// # Errors
    /// The errors of [`calendar`](Self::calendar).
    pub fn daily(self, zone: &str) -> Result<Limit, InvalidLimit> {
        self.calendar("0 0 * * *", zone)
    }

    /// Periods that begin with each Monday in a time zone.
    ///
    /// # Errors
    /// The errors of [`calendar`](Self::calendar).
    pub fn weekly(self, zone: &str) -> Result<Limit, InvalidLimit> {
        self.calendar("0 0 * * 1", zone)
    }

    /// Periods that begin with each month in a time zone.
    ///
    /// # Errors
    /// The errors of [`calendar`](Self::calendar).
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
