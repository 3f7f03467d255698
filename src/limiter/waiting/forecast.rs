//! When those who wait will be served.

use std::time::Duration;

use smallvec::SmallVec;

use crate::model::{Cost, LimitStatus};

/// Tokens of the limit that a cost asks for.
pub(super) fn asked(cost: &Cost, status: &LimitStatus) -> u64 {
    cost.get(status.limit.name().as_str()).unwrap_or(1)
}

/// For each of the limits the time until it has let all of these requests pass, one after the other,
/// counted from the time of the statuses. The longest one is that until the last of them is served.
///
/// A limit that is full while they wait for another one has no more for them later: so it goes from one
/// to the next.
pub(super) fn times_until<'a>(
    limits: &'a [LimitStatus],
    costs: impl IntoIterator<Item = &'a Cost>,
) -> impl Iterator<Item = Duration> + 'a {
    let mut filling: SmallVec<[Filling; 4]> = limits.iter().map(Filling::of).collect();
    let mut served = 0;
    for cost in costs {
        for (limit, status) in filling.iter_mut().zip(limits) {
            limit.wait_for(asked(cost, status));
            served = served.max(limit.until);
        }
        for (limit, status) in filling.iter_mut().zip(limits) {
            limit.take(asked(cost, status), served);
        }
    }
    filling.into_iter().map(|limit| Duration::from_millis(u64::try_from(limit.until).unwrap_or(u64::MAX)))
}

/// A limit as it fills up. Times in ms.
struct Filling {
    capacity: u128,
    period: u128,
    amount: u128,
    /// When it is full, if nobody takes tokens: in ms times `amount`, so that nothing is rounded.
    full: u128,
    /// When it has let everybody pass so far.
    until: u128,
}

impl Filling {
    fn of(LimitStatus { limit, reset_after, .. }: &LimitStatus) -> Self {
        let amount = u128::from(limit.refill_amount());
        Self {
            capacity: limit.capacity().into(),
            period: limit.refill_period().as_millis(),
            amount,
            full: reset_after.as_millis().saturating_mul(amount),
            until: 0,
        }
    }

    /// Waits until it has so much: until it is full, less the time for what is not needed.
    fn wait_for(&mut self, tokens: u64) {
        if tokens > 0 {
            let spare = self.capacity.saturating_sub(tokens.into()).saturating_mul(self.period);
            self.until = self.until.max(self.full.saturating_sub(spare).div_ceil(self.amount));
        }
    }

    /// Gives so much at that time.
    fn take(&mut self, tokens: u64, at: u128) {
        if tokens > 0 {
            let taken = u128::from(tokens).saturating_mul(self.period);
            self.full = self.full.max(at.saturating_mul(self.amount)).saturating_add(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limit, LimitName, Owner};

    /// A limit that has so much.
    fn status(limit: Limit, available: u64) -> LimitStatus {
        let missing = limit.capacity() - available;
        let reset = u128::from(missing) * limit.refill_period().as_millis();
        LimitStatus {
            owner: Owner::Entity,
            reset_after: Duration::from_millis(reset.div_ceil(limit.refill_amount().into()).try_into().unwrap()),
            limit,
            available: available.try_into().unwrap(),
            requested: 0,
            retry_after: None,
        }
    }

    fn costs(costs: &[[u64; 2]]) -> Vec<Cost> {
        let name = |name: &str| LimitName::new(name).unwrap();
        costs.iter().map(|[one, two]| Cost::from_iter([(name("one"), *one), (name("two"), *two)])).collect()
    }

    fn seconds(limits: &[LimitStatus], of: &[[u64; 2]]) -> Vec<f64> {
        times_until(limits, &costs(of)).map(|time| time.as_secs_f64()).collect()
    }

    #[test]
    fn of_one_limit_they_add_up() {
        // 10 tokens a second, at most 20.
        let limit = Limit::per_second("one", 10).with_burst(20);
        for (available, of, expected) in [
            (20, &[[20, 0]][..], 0.0),
            (5, &[[5, 0]], 0.0),
            (5, &[[6, 0]], 0.1),
            (0, &[[10, 0], [10, 0], [20, 0]], 4.0),
            (20, &[[20, 0], [20, 0]], 2.0),
            (0, &[], 0.0),
        ] {
            assert_eq!(seconds(&[status(limit.clone(), available)], of), [expected], "{available} {of:?}");
        }
    }

    #[test]
    fn one_that_is_full_meanwhile_saves_nothing_up() {
        let limits = [
            status(Limit::per_second("one", 10), 10),
            status(Limit::custom("two", 10, 1, Duration::from_secs(1)).unwrap(), 0),
        ];
        // Ten seconds for the first; the second then finds no more than the 10 that `one` holds.
        assert_eq!(seconds(&limits, &[[10, 10], [10, 0]]), [11.0, 10.0]);
        assert_eq!(seconds(&limits, &[[0, 10], [10, 0]]), [0.0, 10.0]);
    }

    #[test]
    fn what_asks_for_nothing_waits_for_those_before_it() {
        let limits = [status(Limit::per_second("one", 10), 0), status(Limit::per_second("two", 10), 0)];
        assert_eq!(seconds(&limits, &[[0, 0]]), [0.0, 0.0]);
        assert_eq!(seconds(&limits, &[[5, 0], [0, 0]]), [0.5, 0.0]);
    }

    #[test]
    fn nothing_overflows() {
        let limit = Limit::custom("one", Limit::MAX_TOKENS, 1, Duration::from_secs(1)).unwrap();
        let of = [[u64::MAX, 0]; 100];
        assert_eq!(seconds(&[status(limit, 0)], &of)[0], Duration::from_millis(u64::MAX).as_secs_f64());
    }
}
