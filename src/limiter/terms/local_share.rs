//! A share of a limit.

use crate::model::Limits;

/// A share of a limit: the part that one process may grant by itself while the store is down.
///
/// ```
/// use tollgate::limiter::LocalShare;
///
/// // There are eight processes.
/// let share = LocalShare::one_of(8);
/// // Or, if some are busier than others:
/// let share = LocalShare::percent(25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalShare {
    parts: u32,
    of: u32,
}

impl LocalShare {
    /// Returns the share of one process if all of `processes` have the same.
    pub const fn one_of(processes: u32) -> Self {
        Self {
            parts: 1,
            of: processes,
        }
    }

    /// Returns a share of `percent` hundredths.
    pub const fn percent(percent: u32) -> Self {
        Self {
            parts: percent,
            of: 100,
        }
    }

    /// Returns `true` if the share is more than nothing, and no more than the whole.
    pub(crate) const fn is_valid(self) -> bool {
        self.parts > 0 && self.parts <= self.of
    }

    /// Returns the share of each limit. Capacities are rounded down, but to at least one token.
    pub(crate) fn of(self, limits: &Limits) -> Limits {
        Limits::new(limits.iter().map(|limit| {
            limit
                .part(self.parts, self.of)
                .map(|part| part.with_softness(limit.is_soft()))
                .unwrap_or_else(|| limit.clone())
        }))
        .unwrap_or_else(|_| limits.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Limit;

    fn part(share: LocalShare, limit: Limit) -> (u64, u64, Duration) {
        let limits = share.of(&Limits::from(limit));
        (
            limits[0].capacity(),
            limits[0].refill_amount(),
            limits[0].refill_period(),
        )
    }

    #[test]
    fn capacity_and_rate_shrink_alike() {
        let minute = Duration::from_secs(60);
        assert_eq!(
            part(LocalShare::one_of(4), Limit::per_minute("rpm", 100)),
            (25, 100, minute * 4)
        );
        assert_eq!(
            part(LocalShare::percent(100), Limit::per_minute("rpm", 100)),
            (100, 100, minute)
        );
        assert_eq!(
            part(LocalShare::percent(75), Limit::per_minute("rpm", 10)),
            (7, 10, minute * 4 / 3)
        );
        let soft = Limits::from(Limit::per_minute("rpm", 100).soft());
        assert!(LocalShare::one_of(4).of(&soft)[0].is_soft());
        // Even the smallest share can grant one token.
        assert_eq!(
            part(LocalShare::one_of(8), Limit::per_minute("rpm", 3)),
            (1, 3, minute * 8)
        );
        // If the period would be too long for a limit, the amount shrinks.
        let slow = Limit::new("slow", 100, 100, Duration::from_secs(3_000_000_000)).unwrap();
        assert_eq!(
            part(LocalShare::one_of(10), slow),
            (10, 10, Duration::from_secs(3_000_000_000))
        );
    }

    #[test]
    fn zero_and_more_than_one_are_no_shares() {
        assert!(LocalShare::one_of(1).is_valid() && LocalShare::percent(1).is_valid());
        assert!(
            !LocalShare::one_of(0).is_valid()
                && !LocalShare::percent(0).is_valid()
                && !LocalShare::percent(101).is_valid()
        );
    }
}
