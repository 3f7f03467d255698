//! The numbers of a limit as a bucket stores them.

use super::RefillRule;

/// Capacity, refill amount and refill period of one limit as a bucket stores them: in millitokens
/// and milliseconds, for all shards together. A quota has a refill amount of 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    capacity: i64,
    refill_amount: i64,
    refill_period: i64,
}

/// An error for numbers in a table that are not valid parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "capacity {capacity} (at least 0), refill amount {refill_amount} (at least 0) and refill period \
     {refill_period} ms (at least 1, and with the shard count at most {}) make no limit",
    i64::MAX
)]
#[non_exhaustive]
pub struct InvalidParameters {
    /// The value that was read, millitokens.
    pub capacity: i64,
    /// The value that was read, millitokens.
    pub refill_amount: i64,
    /// The value that was read, milliseconds.
    pub refill_period: i64,
}

impl Parameters {
    /// Checks numbers that were read from a table.
    ///
    /// # Errors
    /// [`InvalidParameters`] if the capacity or the refill amount is negative, or if the period is
    /// not positive.
    pub fn new(
        capacity: i64,
        refill_amount: i64,
        refill_period: i64,
    ) -> Result<Self, InvalidParameters> {
        if capacity < 0 || refill_amount < 0 || refill_period < 1 {
            return Err(InvalidParameters {
                capacity,
                refill_amount,
                refill_period,
            });
        }
        Ok(Self {
            capacity,
            refill_amount,
            refill_period,
        })
    }

    /// Returns the parameters of a limit, whose numbers are valid.
    pub(super) fn of_limit(capacity: i64, refill_amount: i64, refill_period: i64) -> Self {
        Self {
            capacity,
            refill_amount,
            refill_period,
        }
    }

    /// Returns the capacity of the whole bucket, millitokens.
    pub fn capacity(self) -> i64 {
        self.capacity
    }

    /// Returns the refill amount of the whole bucket, millitokens.
    pub fn refill_amount(self) -> i64 {
        self.refill_amount
    }

    /// Returns the refill period, milliseconds.
    pub fn refill_period(self) -> i64 {
        self.refill_period
    }

    /// Returns the rule of shard `shard` of `count`: its capacity is `capacity div count` (the
    /// lowest shards get the remainder), its refill is exactly the `count`th part.
    ///
    /// # Errors
    /// [`InvalidParameters`] if period times shard count exceeds an `i64`, or if `shard` is not
    /// below `count`.
    pub fn shard(self, shard: u32, count: u32) -> Result<RefillRule, InvalidParameters> {
        let Self {
            capacity,
            refill_amount,
            refill_period,
        } = self;
        let refused = InvalidParameters {
            capacity,
            refill_amount,
            refill_period,
        };
        if shard >= count {
            return Err(refused);
        }
        let (n, i) = (i64::from(count), i64::from(shard));
        let divisor = refill_period.checked_mul(n).ok_or(refused)?;
        let capacity = capacity / n + i64::from(i < capacity % n);
        Ok(RefillRule::token_bucket(capacity, refill_amount, divisor))
    }

    /// Returns the rule of an unsharded bucket.
    pub fn whole(self) -> RefillRule {
        RefillRule::token_bucket(self.capacity, self.refill_amount, self.refill_period)
    }
}
