//! A bucket without clock errors, transit times and races.

/// The parameters of a limit: millitokens and ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) capacity: i64,
    pub(crate) amount: i64,
    pub(crate) period: i64,
}

/// A change of a bucket, at a time in epoch µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Millitokens are taken, or given back if negative.
    Take(i64),
    /// Millitokens that may be taken beyond the rule, because their use was settled later.
    Allow(i64),
}

/// A perfect bucket, which is full when it is first used. Levels are in units of millitoken ·
/// period · 1000, so nothing is rounded.
///
/// The rule is: over any interval, at most the capacity plus the refill of the interval widened by
/// a time. The rule holds if and only if a perfect bucket, whose capacity is larger by the refill
/// of that time, never falls below zero.
#[derive(Clone, Debug)]
pub(super) struct PerfectBucket {
    parameters: Parameters,
    full: i128,
    level: i128,
    lowest: i128,
    at: Option<i64>,
    /// The highest level since the first use.
    highest: Option<i128>,
}

impl PerfectBucket {
    /// Returns a bucket whose capacity is larger by the refill of `widening` (µs).
    pub(super) fn new(parameters: Parameters, widening: i64) -> Self {
        let full = units(parameters, parameters.capacity)
            + i128::from(parameters.amount) * i128::from(widening);
        Self {
            parameters,
            full,
            level: full,
            lowest: full,
            at: None,
            highest: None,
        }
    }

    /// Advances the time to `at` (epoch µs).
    pub(super) fn advance(&mut self, at: i64) {
        let elapsed = self.at.map_or(0, |last| (at - last).max(0));
        let refilled = self.level + i128::from(self.parameters.amount) * i128::from(elapsed);
        // An allowance may have raised the level above the capacity. Then the level stays until it
        // is used.
        self.level = refilled.min(self.full.max(self.level));
        if self.at.is_some() {
            self.highest = self.highest.max(Some(self.level));
        }
        self.at = Some(self.at.map_or(at, |last| last.max(at)));
    }

    pub(super) fn step(&mut self, at: i64, step: Step) {
        self.advance(at);
        match step {
            Step::Take(millitokens) => {
                let left = self.level - units(self.parameters, millitokens);
                self.level = if millitokens < 0 {
                    left.min(self.full.max(self.level))
                } else {
                    left
                };
            }
            Step::Allow(millitokens) => self.level += units(self.parameters, millitokens),
        }
        self.lowest = self.lowest.min(self.level);
    }

    /// Returns the millitokens in the bucket, rounded up.
    pub(super) fn holds(&self) -> i64 {
        i64::try_from(-(-self.level).div_euclid(units(self.parameters, 1))).unwrap_or(i64::MAX)
    }

    /// Returns `true` if the bucket was full again after its first use, or if less than the refill
    /// of `margin` (µs) was missing.
    pub(super) fn was_full(&self, margin: i64) -> bool {
        let margin = i128::from(self.parameters.amount) * i128::from(margin);
        self.highest
            .is_some_and(|highest| highest >= self.full - margin)
    }

    /// Returns the most millitokens by which the level was below zero, rounded up.
    pub(super) fn lacking(&self) -> i64 {
        let lacking = (-self.lowest).max(0);
        let unit = units(self.parameters, 1);
        i64::try_from((lacking + unit - 1) / unit).unwrap_or(i64::MAX)
    }

    /// Returns the time in which the bucket would refill these millitokens, µs, rounded up.
    pub(super) fn lacking_time(&self) -> i64 {
        let amount = i128::from(self.parameters.amount.max(1));
        i64::try_from(((-self.lowest).max(0) + amount - 1) / amount).unwrap_or(i64::MAX)
    }
}

fn units(parameters: Parameters, millitokens: i64) -> i128 {
    i128::from(millitokens) * i128::from(parameters.period) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit of 10 tokens, with one more every 100 ms.
    const PARAMETERS: Parameters = Parameters {
        capacity: 10_000,
        amount: 1000,
        period: 100,
    };

    fn lacking(widening: i64, steps: &[(i64, Step)]) -> (i64, i64) {
        let mut bucket = PerfectBucket::new(PARAMETERS, widening * 1000);
        steps
            .iter()
            .for_each(|(at, step)| bucket.step(at * 1000, *step));
        (bucket.lacking(), bucket.lacking_time())
    }

    #[test]
    fn a_grant_within_capacity_and_refill_is_right_to_the_millitoken() {
        use Step::Take;
        assert_eq!(
            lacking(
                0,
                &[(0, Take(10_000)), (100, Take(1000)), (250, Take(1500))]
            ),
            (0, 0)
        );
        assert_eq!(
            lacking(
                0,
                &[(0, Take(10_000)), (100, Take(1000)), (250, Take(1501))]
            ),
            (1, 100)
        );
        assert_eq!(lacking(5, &[(0, Take(10_000)), (100, Take(1050))]), (0, 0));
        assert_eq!(
            lacking(5, &[(0, Take(10_000)), (100, Take(1051))]),
            (1, 100)
        );
    }

    #[test]
    fn a_full_bucket_gains_nothing() {
        use Step::Take;
        assert_eq!(lacking(0, &[(0, Take(1)), (90_000, Take(10_001))]).0, 1);
        assert_eq!(
            lacking(0, &[(0, Take(1000)), (1, Take(-2000)), (1, Take(10_001))]).0,
            1
        );
    }

    #[test]
    fn a_settled_use_is_allowed_once() {
        use Step::{Allow, Take};
        assert_eq!(lacking(0, &[(0, Allow(5000)), (50, Take(15_000))]).0, 0);
        assert_eq!(lacking(0, &[(0, Allow(5000)), (50, Take(15_001))]).0, 1);
    }
}
