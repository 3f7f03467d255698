//! One entry of a schedule: when it is active, and what it changes.

use super::{
    bounds::{MOST_SCALE, MOST_SECONDS, MOST_TOKENS},
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
    pub(super) change: Change,
}

/// The change that an active entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    /// Multiplies capacity and refill amount. Thousandths.
    Scale(u64),
    /// Replaces those numbers that are given. Tokens and seconds.
    Replace {
        capacity: Option<u64>,
        refill_amount: Option<u64>,
        refill_period: Option<u64>,
    },
}

impl Change {
    /// Checks that something is set, and that each number is in range.
    pub(super) fn checked(self) -> Result<Self, InvalidSchedule> {
        let Self::Replace {
            capacity,
            refill_amount,
            refill_period,
        } = self
        else {
            return match self {
                Self::Scale(scale) if !(1..=MOST_SCALE * 1000).contains(&scale) => {
                    Err(InvalidSchedule::Scale)
                }
                _ => Ok(self),
            };
        };
        let numbers = [
            ("capacity", capacity, MOST_TOKENS),
            ("refill amount", refill_amount, MOST_TOKENS),
            ("refill period in seconds", refill_period, MOST_SECONDS),
        ];
        if numbers.iter().all(|(_, number, _)| number.is_none()) {
            return Err(InvalidSchedule::NothingSet);
        }
        for (name, number, most) in numbers {
            if number.is_some_and(|number| !(1..=most).contains(&number)) {
                return Err(InvalidSchedule::Number { name, most });
            }
        }
        Ok(self)
    }
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
        let change = Change::Scale(thousandths);
        Ok(Self { cron, change })
    }

    /// Returns an entry that replaces the numbers that are given: capacity and refill amount in
    /// tokens, refill period in seconds.
    ///
    /// # Errors
    /// [`InvalidSchedule::Cron`], [`InvalidSchedule::NothingSet`] if no number is given, and
    /// [`InvalidSchedule::Number`] if a number is 0, an amount above 10<sup>15</sup>, or the period
    /// above 10<sup>9</sup> seconds.
    pub fn replaced(
        cron: &str,
        capacity: Option<u64>,
        refill_amount: Option<u64>,
        refill_period: Option<u64>,
    ) -> Result<Self, InvalidSchedule> {
        let cron = Cron::parse(cron)?;
        let change = Change::Replace {
            capacity,
            refill_amount,
            refill_period,
        };
        let change = change.checked()?;
        Ok(Self { cron, change })
    }

    /// Returns the cron expression, with numbers in place of names.
    pub fn cron(&self) -> &str {
        self.cron.as_str()
    }

    /// Returns the scale, if the entry has one.
    pub fn scale(&self) -> Option<f64> {
        match self.change {
            Change::Scale(thousandths) => Some(thousandths as f64 / 1000.0),
            Change::Replace { .. } => None,
        }
    }

    /// Returns the capacity that the entry sets, tokens.
    pub fn capacity(&self) -> Option<u64> {
        match self.change {
            Change::Scale(_) => None,
            Change::Replace { capacity, .. } => capacity,
        }
    }

    /// Returns the refill amount that the entry sets, tokens.
    pub fn refill_amount(&self) -> Option<u64> {
        match self.change {
            Change::Scale(_) => None,
            Change::Replace { refill_amount, .. } => refill_amount,
        }
    }

    /// Returns the refill period that the entry sets, seconds.
    pub fn refill_period(&self) -> Option<u64> {
        match self.change {
            Change::Scale(_) => None,
            Change::Replace { refill_period, .. } => refill_period,
        }
    }

    /// Returns the limit's numbers while the entry is active.
    pub fn apply(&self, base: LimitNumbers) -> LimitNumbers {
        match self.change {
            Change::Scale(thousandths) => LimitNumbers {
                capacity: scaled(base.capacity, thousandths),
                refill_amount: if base.refill_amount == 0 {
                    0
                } else {
                    scaled(base.refill_amount, thousandths)
                },
                refill_period: base.refill_period,
            },
            Change::Replace {
                capacity,
                refill_amount,
                refill_period,
            } => LimitNumbers {
                capacity: capacity.map_or(base.capacity, thousandfold),
                refill_amount: refill_amount.map_or(base.refill_amount, thousandfold),
                refill_period: refill_period.map_or(base.refill_period, thousandfold),
            },
        }
    }
}

/// The numbers of a limit at some time, for all shards together. The refill amount is 0 for a
/// quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitNumbers {
    /// Capacity, millitokens.
    pub capacity: i64,
    /// Refill amount, millitokens.
    pub refill_amount: i64,
    /// Refill period, milliseconds.
    pub refill_period: i64,
}

/// Returns the amount times the scale, rounded down, but at least 1. More than an `i64` holds
/// becomes the greatest `i64`.
fn scaled(amount: i64, thousandths: u64) -> i64 {
    let product = i128::from(amount) * i128::from(thousandths) / 1000;
    i64::try_from(product).unwrap_or(i64::MAX).max(1)
}

/// Returns tokens in millitokens, or seconds in milliseconds. The bounds of both fit in.
fn thousandfold(number: u64) -> i64 {
    i64::try_from(number)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000)
}
