//! Compares the tokens of a bucket with its consumption counter.

use std::time::Duration;

use super::{
    super::store::{Charge, Image, Level, Write},
    perfect_bucket::{Parameters, PerfectBucket, Step},
};

/// The comparison of one limit of a bucket with a perfect bucket. Millitokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conservation {
    /// The most millitokens by which an image exceeded a perfect bucket with the widening of the
    /// rule.
    pub above_perfect: i64,
    /// The refill from the first image to the last one, minus what came into the bucket and its
    /// consumption counter. The difference includes refill that did not fit into a full bucket, and
    /// refill that was lost. Negative if tokens were minted.
    pub lost: i64,
    /// `true` if a perfect bucket would have been full again after the first charge, or nearly
    /// full: less than the refill of the widening was missing.
    pub was_full: bool,
}

impl Conservation {
    /// Follows the images of an item that is not split. `charges` are in the order in which they
    /// were done.
    pub(crate) fn of(
        limit: &str,
        parameters: Parameters,
        widening: Duration,
        charges: &[Charge],
        writes: &[Write],
        last: &Image,
    ) -> Option<Self> {
        let widening = i64::try_from(widening.as_micros()).ok()?;
        let first = charges
            .iter()
            .find_map(|charge| writes[charge.write?].image.as_ref())?;
        let mut wide = PerfectBucket::new(parameters, widening);
        let mut perfect = PerfectBucket::new(parameters, 0);
        let mut outcome = Self::default();
        for charge in charges {
            for bucket in [&mut wide, &mut perfect] {
                bucket.step(charge.at, Step::Take(charge.millitokens));
            }
            let image = charge.write.and_then(|write| writes[write].image.as_ref());
            if let Some(held) = image.and_then(|image| image.holds(limit, charge.at / 1000)) {
                outcome.above_perfect = outcome.above_perfect.max(held - wide.holds());
            }
        }
        outcome.was_full = perfect.was_full(widening);
        let (before, after) = (first.levels.get(limit)?, last.levels.get(limit)?);
        let elapsed = i128::from(last.refilled_at - first.refilled_at) * i128::from(after.amount);
        let remainders = i128::from(before.remainder) - i128::from(after.remainder);
        let refilled = (elapsed + remainders) / i128::from(after.period.max(1));
        let sum = |level: &Level| i128::from(level.tokens) + i128::from(level.consumed);
        outcome.lost = i64::try_from(sum(before) + refilled - sum(after)).ok()?;
        Some(outcome)
    }
}
