//! Amounts of tokens.

use std::ops::RangeInclusive;

/// The tokens that a call costs: the same for each, or by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount(RangeInclusive<u64>);

impl Amount {
    /// Returns an amount of this call, by chance if it is a range.
    pub fn pick(&self) -> u64 {
        if self.0.is_empty() {
            return *self.0.start();
        }
        fastrand::u64(self.0.clone())
    }
}

impl From<u64> for Amount {
    fn from(tokens: u64) -> Self {
        Self(tokens..=tokens)
    }
}

impl From<RangeInclusive<u64>> for Amount {
    fn from(range: RangeInclusive<u64>) -> Self {
        Self(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_all_its_amounts() {
        assert_eq!(Amount::from(7).pick(), 7);
        let range = Amount::from(1..=3);
        let mut seen = [false; 4];
        for _ in 0..1000 {
            seen[usize::try_from(range.pick()).unwrap()] = true;
        }
        assert_eq!(seen, [false, true, true, true]);
        #[expect(clippy::reversed_empty_ranges, reason = "no amount is in it")]
        let empty = 5..=1;
        assert_eq!(Amount::from(empty).pick(), 5);
    }
}
