//! One entry of a schedule: when it is active, and what it changes.

use std::time::Duration;

use super::{
    adjustment::{Adjustment, LimitNumbers},
    bounds::MOST_SCALE,
    cron::Cron,
    error::InvalidSchedule,
};

/// An entry of a [`Schedule`](super::Schedule): a cron expression, and the numbers of the limit in
/// each minute that the expression matches.
///
/// The expression has five fields: minute, hour, day of month, month, weekday, with ranges, lists,
/// steps and English names. An entry is active as long as it matches, so `* 9-17 * * MON-FRI` means
/// from 9:00 to 17:59 on weekdays. If day of month and weekday are both restricted, one of them is
/// enough.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScheduleEntry {
    pub(super) cron: Cron,
    pub(super) adjustment: Adjustment,
}

impl ScheduleEntry {
    /// Returns an entry that multiplies capacity and refill amount, so that the time to refill
    /// stays. The scale is rounded to thousandths (half to even), and is at least one thousandth.
    ///
    /// # Errors
    /// [`InvalidSchedule::Cron`], and [`InvalidSchedule::Scale`] if the scale is not above 0, or is
    /// more than a million.
    pub fn scaled(cron: &str, scale: f64) -> Result<Self, InvalidSchedule> {
        let cron = Cron::parse(cron)?;
        if !(scale > 0.0 && scale <= MOST_SCALE as f64) {
            return Err(InvalidSchedule::Scale);
        }
        let thousandths = (scale * 1000.0).round_ties_even().max(1.0) as u64;
        let adjustment = Adjustment::Scale(thousandths);
        Ok(Self { cron, adjustment })
    }

    /// Returns an entry that replaces the numbers that are given: capacity and refill amount in
    /// tokens, and the refill period.
    ///
    /// # Errors
    /// [`InvalidSchedule::Cron`], [`InvalidSchedule::NothingSet`] if no number is given, and
    /// [`InvalidSchedule::Number`] if a number is 0, an amount above 10<sup>15</sup>, or the period
    /// above 10<sup>9</sup> seconds or not a whole number of them.
    pub fn replaced(
        cron: &str,
        capacity: Option<u64>,
        refill_amount: Option<u64>,
        refill_period: Option<Duration>,
    ) -> Result<Self, InvalidSchedule> {
        let cron = Cron::parse(cron)?;
        let adjustment = Adjustment::Replace {
            capacity,
            refill_amount,
            refill_period: refill_period.map(whole_seconds),
        };
        let adjustment = adjustment.checked()?;
        Ok(Self { cron, adjustment })
    }

    /// Returns the cron expression, with numbers in place of names.
    pub fn cron(&self) -> &str {
        self.cron.as_str()
    }

    /// Returns the scale, if the entry has one.
    pub fn scale(&self) -> Option<f64> {
        match self.adjustment {
            Adjustment::Scale(thousandths) => Some(thousandths as f64 / 1000.0),
            Adjustment::Replace { .. } => None,
        }
    }

    /// Returns the capacity that the entry sets, tokens.
    pub fn capacity(&self) -> Option<u64> {
        match self.adjustment {
            Adjustment::Scale(_) => None,
            Adjustment::Replace { capacity, .. } => capacity,
        }
    }

    /// Returns the refill amount that the entry sets, tokens.
    pub fn refill_amount(&self) -> Option<u64> {
        match self.adjustment {
            Adjustment::Scale(_) => None,
            Adjustment::Replace { refill_amount, .. } => refill_amount,
        }
    }

    /// Returns the refill period that the entry sets.
    pub fn refill_period(&self) -> Option<Duration> {
        match self.adjustment {
            Adjustment::Scale(_) => None,
            Adjustment::Replace { refill_period, .. } => refill_period.map(Duration::from_secs),
        }
    }

    /// Returns the limit's numbers while the entry is active.
    pub fn apply(&self, base: LimitNumbers) -> LimitNumbers {
        self.adjustment.apply(base)
    }
}

/// Returns the number of seconds, or 0 if it is not a whole number.
fn whole_seconds(period: Duration) -> u64 {
    if period.subsec_nanos() == 0 {
        period.as_secs()
    } else {
        0
    }
}
