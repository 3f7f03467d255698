//! The change that an active entry makes to the numbers of a limit.

use super::{
    bounds::{MOST_SCALE, MOST_SECONDS, MOST_TOKENS},
    error::InvalidSchedule,
};

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

/// The change that an active entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Adjustment {
    /// Multiplies capacity and refill amount. Thousandths.
    Scale(u64),
    /// Replaces those numbers that are given. Tokens and seconds.
    Replace {
        capacity: Option<u64>,
        refill_amount: Option<u64>,
        refill_period: Option<u64>,
    },
}

impl Adjustment {
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

    /// Returns the change of `parts` of `of` parts of a limit, whose refill period is longer and
    /// whose refill amount is the same. Capacities are rounded down, but to at least one token.
    pub(super) fn part(self, parts: u64, of: u64) -> Self {
        let Self::Replace {
            capacity,
            refill_amount,
            refill_period,
        } = self
        else {
            return self;
        };
        let (parts, of) = (u128::from(parts.max(1)), u128::from(of.max(1)));
        let whole = |number: u128, least: u64, most: u64| {
            u64::try_from(number).unwrap_or(most).clamp(least, most)
        };
        Self::Replace {
            capacity: capacity
                .map(|capacity| whole(u128::from(capacity) * parts / of, 1, MOST_TOKENS)),
            refill_amount,
            refill_period: refill_period
                .map(|period| whole((u128::from(period) * of).div_ceil(parts), 1, MOST_SECONDS)),
        }
    }

    pub(super) fn apply(self, base: LimitNumbers) -> LimitNumbers {
        match self {
            Self::Scale(thousandths) => LimitNumbers {
                capacity: scaled(base.capacity, thousandths),
                refill_amount: if base.refill_amount == 0 {
                    0
                } else {
                    scaled(base.refill_amount, thousandths)
                },
                refill_period: base.refill_period,
            },
            Self::Replace {
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
