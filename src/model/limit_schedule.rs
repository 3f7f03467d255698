//! Limits whose numbers follow a schedule.

use std::borrow::Cow;

use super::{
    Calendar, InvalidLimit, Limit, LimitState, MILLI, Parameters, Renewal, Schedule, Timetable,
    invalid_limit::MOST_TOKENS, to_milli,
};

/// Returns the time zones of a calendar and of a schedule.
pub(super) fn zones_of<'a>(
    renewal: Option<&'a Renewal>,
    timetable: Option<&'a Timetable>,
) -> impl Iterator<Item = &'a str> {
    let calendar = renewal.and_then(Renewal::calendar);
    let zones = [calendar.map(Calendar::zone), timetable.map(Timetable::zone)];
    zones.into_iter().flatten()
}

impl Limit {
    /// Returns the same limit with a schedule, which changes its numbers by the time of day, week or
    /// year. The limit's own numbers count while no entry matches.
    ///
    /// ```
    /// use tollgate::{Limit, model::{Schedule, ScheduleEntry}};
    ///
    /// // 1000 a minute, and half of it from 22:00 to 5:59 in Berlin.
    /// let night = ScheduleEntry::scaled("* 22-23,0-5 * * *", 0.5)?;
    /// let rpm = Limit::per_minute("rpm", 1000).with_schedule(Schedule::new([night], "Europe/Berlin")?)?;
    /// assert_eq!(rpm.capacity(), 1000);
    /// assert!(rpm.schedule().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// When the numbers change, the tokens stay, up to the new capacity: a limit that grows refills
    /// at its new rate. The schedule of a quota changes the amount that a period begins with, and
    /// the most that it holds meanwhile. The guide has
    /// [a page on quotas and schedules](crate::guide::quotas). Costs no round trip; the first write
    /// after a change is the same single write as any other.
    ///
    /// # Errors
    /// [`InvalidLimit::TooManyTokens`] if an entry makes the capacity or the refill amount larger
    /// than [`MAX_TOKENS`](Self::MAX_TOKENS), [`InvalidLimit::Zones`] if the quota's calendar has
    /// another time zone, and [`InvalidLimit::Mixed`] if an entry sets the refill of a quota.
    pub fn with_schedule(self, schedule: Schedule) -> Result<Self, InvalidLimit> {
        self.with_timetable(Timetable::new(schedule))
    }

    pub(crate) fn with_timetable(self, timetable: Timetable) -> Result<Self, InvalidLimit> {
        let entries = timetable.schedule().entries();
        if self.is_quota() && entries.iter().any(|entry| entry.refill_amount().is_some()) {
            return Err(InvalidLimit::Mixed);
        }
        if let Some(calendar) = self.renewal().and_then(Renewal::calendar)
            && calendar.zone() != timetable.zone()
        {
            return Err(InvalidLimit::Zones);
        }
        let most = to_milli(MOST_TOKENS);
        for parameters in timetable.all(Parameters::from(&self)) {
            let largest = parameters.capacity().max(parameters.refill_amount());
            if largest > most {
                let amount = u64::try_from(largest / MILLI).unwrap_or(u64::MAX);
                return Err(InvalidLimit::TooManyTokens { amount });
            }
        }
        Ok(self.replaced_timetable(Some(timetable)))
    }

    /// Returns the schedule of the limit's numbers.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.timetable().map(Timetable::schedule)
    }

    /// Returns the time zones of the quota's calendar and of the schedule.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &str> {
        zones_of(self.renewal(), self.timetable())
    }

    /// Returns a limit of a bucket in another time zone: with the same calendar and schedule there.
    /// `None` if there is no such limit.
    pub(crate) fn moved_to(known: &LimitState, zone: &str) -> Option<Self> {
        let renewal = match known.renewal() {
            Some(Renewal::Calendar(calendar)) => {
                let calendar = Calendar::decode(calendar.compact(), zone).ok()?;
                Some(Renewal::Calendar(calendar))
            }
            other => other.cloned(),
        };
        let timetable = match known.timetable() {
            Some(timetable) => Some(Timetable::decode(timetable.compact(), zone).ok()?),
            None => None,
        };
        Self::from_parameters(
            &known.name,
            known.parameters,
            renewal.as_ref(),
            timetable.as_ref(),
        )
    }

    /// Returns the limit as it is at `now` (epoch ms): with the numbers of that time, and without a
    /// schedule. Numbers below one token become one token.
    ///
    /// ```
    /// use tollgate::{Limit, model::{Schedule, ScheduleEntry}};
    ///
    /// let weekend = ScheduleEntry::scaled("* * * * 6-7", 0.1)?;
    /// let rpm = Limit::per_minute("rpm", 1000).with_schedule(Schedule::new([weekend], "UTC")?)?;
    /// // Sunday, 2026-11-29.
    /// assert_eq!(*rpm.at(1_795_910_400_000), Limit::per_minute("rpm", 100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(&self, now: i64) -> Cow<'_, Self> {
        if self.timetable().is_none() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(self.with_numbers(self.parameters_at(now)))
    }
}
