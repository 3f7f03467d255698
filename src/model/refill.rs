//! The rule by which a limit refills: the only place that computes with capacity, refill amount and
//! refill period.
//!
//! Amounts are millitokens, times are milliseconds. `e` is the time since the last refill, `fr` is
//! the remainder of that refill's division, and `tk` is the level:
//!
//! ```text
//! num = e · ra + fr
//! raw = num div (rp · n)        n: the bucket's shard count
//! fr' = num mod (rp · n)
//! tk' = min(cp, tk + raw)       where the cap cuts, fr' = 0
//! ```
//!
//! If the refill time advances to now and `fr'` is kept, nothing is lost, even if this happens
//! often and the limit is slow. Everything is computed in `i128`: `e · ra` is below 2^126.

/// The rule by which one limit of one bucket shard refills, at one time: its effective capacity,
/// the refill of some time, the wait for an amount, and the time until it is full.
///
/// Every other part of the crate asks the rule and does not compute with a limit's numbers, so that
/// another kind of limit changes only the rule. A token bucket refills all the time. A quota does
/// not refill; it is full again when its period ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefillRule {
    capacity: i64,
    /// 0 for a quota.
    refill_amount: i64,
    /// Refill period times shard count, milliseconds. For a quota, the length of its period.
    divisor: i64,
    /// The time until the limit is full at once, milliseconds; `i64::MAX` for a token bucket.
    renewed_in: i64,
}

/// The refill of a quota whose period has ended: more than any debt and capacity, and it forces a
/// write to move the anchor.
const RENEWED: i128 = 1 << 65;

/// The tokens of a bucket at its last refill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Level {
    /// Millitokens. Negative if a settled lease used more than there was.
    pub tokens: i64,
    /// The remainder of the last refill's division, in units of millitoken · divisor.
    pub remainder: i64,
}

impl Level {
    /// Returns a level of `tokens` (millitokens), with the remainder of the last refill's division.
    pub fn new(tokens: i64, remainder: i64) -> Self {
        Self { tokens, remainder }
    }
}

/// The refill of some time, before the capacity limits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refill {
    /// The refill, millitokens.
    pub raw: i128,
    /// The remainder of the division.
    pub remainder: i64,
}

impl RefillRule {
    /// Returns the rule of a token bucket: `refill_amount` (millitokens) in `divisor` ms, up to
    /// `capacity` (millitokens).
    pub(super) fn token_bucket(capacity: i64, refill_amount: i64, divisor: i64) -> Self {
        Self {
            capacity,
            refill_amount,
            divisor,
            renewed_in: i64::MAX,
        }
    }

    /// Returns the rule of a quota of `capacity` (millitokens) whose periods have this length (ms),
    /// and which is full again in `renewed_in` ms.
    pub(crate) fn quota(capacity: i64, length: i64, renewed_in: i64) -> Self {
        Self {
            capacity,
            refill_amount: 0,
            divisor: length.max(1),
            renewed_in,
        }
    }

    /// Returns the same rule with another capacity (millitokens).
    pub(super) fn with_capacity(self, capacity: i64) -> Self {
        Self { capacity, ..self }
    }

    /// Returns `true` if the limit is a quota, which does not refill.
    pub fn is_quota(self) -> bool {
        self.refill_amount == 0
    }

    /// Returns `true` if the quota's period has ended, so that it is full again.
    pub fn is_renewed(self) -> bool {
        self.renewed_in <= 0
    }

    /// Returns `true` if the quota's period ends within `elapsed` ms.
    #[inline]
    fn is_over(self, elapsed: i64) -> bool {
        self.is_quota() && elapsed >= self.renewed_in
    }

    /// Returns the time until the limit is full at once, milliseconds; `i64::MAX` for a token
    /// bucket.
    pub(crate) fn renewed_in(self) -> i64 {
        self.renewed_in
    }

    /// Returns the effective capacity, millitokens.
    pub fn capacity(self) -> i64 {
        self.capacity
    }

    /// Returns the refill of `elapsed` milliseconds, before the capacity limits it. A negative time
    /// gives no refill. An invalid remainder counts as 0.
    ///
    /// A quota has no refill, and more than its capacity as soon as its period has ended.
    pub fn accrue(self, elapsed: i64, remainder: i64) -> Refill {
        if self.is_over(elapsed) {
            return Refill {
                raw: RENEWED,
                remainder: 0,
            };
        }
        // Usually everything fits into 64 bits, where a division is several times faster.
        if let Some(sum) = self.sum(elapsed, remainder) {
            return Refill {
                raw: i128::from(sum / self.divisor),
                remainder: sum % self.divisor,
            };
        }
        let remainder = self.valid(remainder);
        let divisor = i128::from(self.divisor);
        let sum =
            i128::from(elapsed.max(0)) * i128::from(self.refill_amount) + i128::from(remainder);
        let remainder = i64::try_from(sum % divisor).unwrap_or(0);
        Refill {
            raw: sum / divisor,
            remainder,
        }
    }

    /// Returns the dividend of the refill's division, if it fits into an `i64`.
    #[inline]
    fn sum(self, elapsed: i64, remainder: i64) -> Option<i64> {
        elapsed
            .max(0)
            .checked_mul(self.refill_amount)?
            .checked_add(self.valid(remainder))
    }

    #[inline]
    fn valid(self, remainder: i64) -> i64 {
        if (0..self.divisor).contains(&remainder) {
            remainder
        } else {
            0
        }
    }

    /// Returns `true` if the level certainly reaches the capacity within `elapsed` milliseconds.
    /// This check needs no division, so it takes a tenth of the time. Most buckets are full.
    #[inline]
    fn fills(self, level: Level, elapsed: i64) -> bool {
        if self.is_over(elapsed) {
            return true;
        }
        let missing = self
            .capacity
            .checked_sub(level.tokens)
            .and_then(|missing| missing.checked_mul(self.divisor));
        missing
            .zip(self.sum(elapsed, level.remainder))
            .is_some_and(|(missing, sum)| sum >= missing)
    }

    /// Returns the level after `elapsed` milliseconds. A negative time changes nothing.
    ///
    /// A level above the capacity, for example after the capacity was lowered, becomes the
    /// capacity.
    pub fn refill(self, level: Level, elapsed: i64) -> Level {
        if self.fills(level, elapsed) {
            return Level {
                tokens: self.capacity,
                remainder: 0,
            };
        }
        let Refill { raw, remainder } = self.accrue(elapsed, level.remainder);
        let tokens = i128::from(level.tokens) + raw;
        if tokens >= i128::from(self.capacity) {
            return Level {
                tokens: self.capacity,
                remainder: 0,
            };
        }
        // `tokens` is below the capacity, so it fits into an `i64`.
        Level {
            tokens: i64::try_from(tokens).unwrap_or(self.capacity),
            remainder,
        }
    }

    /// Returns the exact number of milliseconds from the level's refill time until it holds `cost`
    /// millitokens. `None` if the capacity is less than the cost.
    ///
    /// A time that exceeds an `i64` is returned as `i64::MAX`.
    pub fn wait(self, level: Level, cost: i64) -> Option<i64> {
        if cost > self.capacity {
            return None;
        }
        let short = i128::from(cost) - i128::from(level.tokens);
        if short <= 0 {
            return Some(0);
        }
        if self.is_quota() {
            return Some(self.renewed_in.max(0));
        }
        let remainder = if (0..self.divisor).contains(&level.remainder) {
            level.remainder
        } else {
            0
        };
        // Usually 64 bits suffice, as in `accrue`.
        let units = i64::try_from(short)
            .ok()
            .and_then(|short| short.checked_mul(self.divisor));
        if let Some(sum) =
            units.and_then(|units| (units - remainder).checked_add(self.refill_amount - 1))
        {
            return Some(sum / self.refill_amount);
        }
        let wait = short
            .checked_mul(i128::from(self.divisor))
            .map(|units| units - i128::from(remainder))
            .map(|units| {
                (units + i128::from(self.refill_amount) - 1) / i128::from(self.refill_amount)
            });
        Some(
            wait.and_then(|wait| i64::try_from(wait).ok())
                .unwrap_or(i64::MAX),
        )
    }

    /// Returns the milliseconds until an empty bucket is full, rounded up. For a quota, the length
    /// of its period.
    pub fn time_to_fill(self) -> i64 {
        if self.is_quota() {
            return self.divisor;
        }
        self.wait(Level::default(), self.capacity)
            .unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests;
