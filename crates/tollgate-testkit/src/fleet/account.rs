//! The account of one bucket: its charges in the order of the store, compared with a perfect
//! bucket.

use std::time::Duration;

use tollgate::model::{Parameters, Renewal};

/// The charges of one bucket.
#[derive(Debug, Default)]
pub(super) struct Account {
    charges: Vec<Charge>,
    /// The least and the greatest time from a write's own timestamp until it was done, ms. This
    /// time may be negative if the clock of the process is ahead.
    lag: Option<(i64, i64)>,
}

/// Tokens that left the bucket or were given back.
#[derive(Clone, Copy, Debug)]
struct Charge {
    /// The time at which the store did it: true epoch ms.
    at: i64,
    millitokens: i64,
}

impl Account {
    /// Records a charge that was planned for the time `planned` and done at `at`.
    pub(super) fn charge(&mut self, at: i64, planned: i64, millitokens: i64) {
        self.charges.push(Charge { at, millitokens });
        let lag = at - planned;
        let (least, most) = self.lag.unwrap_or((lag, lag));
        self.lag = Some((least.min(lag), most.max(lag)));
    }

    /// Returns the millitokens that all charges together have taken.
    pub(super) fn net(&self) -> i64 {
        self.charges.iter().map(|charge| charge.millitokens).sum()
    }

    /// Returns the millitokens that charges have taken from `from` until `to` (epoch ms).
    pub(super) fn taken_between(&self, from: i64, to: i64) -> i64 {
        let within = self
            .charges
            .iter()
            .filter(|charge| (from..to).contains(&charge.at));
        within.map(|charge| charge.millitokens).sum()
    }

    /// Returns the spread of the time from a write's own timestamp until it was done: clock
    /// differences plus transit times.
    pub(super) fn widening(&self) -> Duration {
        let (least, most) = self.lag.unwrap_or_default();
        Duration::from_millis(u64::try_from(most - least).unwrap_or(0))
    }

    /// Returns the millitokens that were granted beyond the rule: over any interval, at most the
    /// capacity plus the refill of the interval widened by [`widening`](Self::widening).
    ///
    /// The rule holds if and only if a perfect bucket never falls below zero. Its capacity is
    /// larger by the refill of the widening and of the `slack`, and it is full at the first charge.
    /// Levels are in units of millitoken · refill period, so nothing is rounded.
    pub(super) fn over_admitted(&self, parameters: Parameters, slack: Duration) -> i64 {
        let period = i128::from(parameters.refill_period());
        let amount = i128::from(parameters.refill_amount());
        let wider = (self.widening() + slack).as_millis() as i128;
        let full = i128::from(parameters.capacity()) * period + amount * wider;
        let (mut level, mut lowest) = (full, 0);
        let mut last = self.charges.first().map_or(0, |charge| charge.at);
        for charge in &self.charges {
            level = (level + amount * i128::from(charge.at - last)).min(full);
            last = charge.at;
            level = (level - i128::from(charge.millitokens) * period).min(full);
            lowest = lowest.min(level);
        }
        i64::try_from((-lowest + period - 1) / period).unwrap_or(i64::MAX)
    }

    /// Returns the millitokens that were granted beyond a quota of `amount` millitokens with these
    /// periods. A write that was done up to [`widening`](Self::widening) after an edge may belong to
    /// the period before it.
    pub(super) fn over_quota(&self, amount: i64, renewal: &Renewal) -> i64 {
        let wider = i64::try_from(self.widening().as_millis()).unwrap_or(i64::MAX);
        let (mut from, mut end, mut periods) = (0, i64::MIN, 0i64);
        let (mut all, mut sure, mut over) = (0i64, 0i64, 0i64);
        for Charge { at, millitokens } in &self.charges {
            if *at >= end {
                (from, end, sure) = (*at, renewal.end_after(*at), 0);
                periods += 1;
            }
            all += millitokens;
            if at - from >= wider {
                sure += millitokens;
            }
            over = over
                .max(all - amount.saturating_mul(periods))
                .max(sure - amount);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit of 10 tokens, with one more every 100 ms.
    fn parameters() -> Parameters {
        Parameters::new(10_000, 1000, 100).unwrap()
    }

    fn account(charges: &[(i64, i64, i64)]) -> Account {
        let mut account = Account::default();
        charges
            .iter()
            .for_each(|(at, planned, millitokens)| account.charge(*at, *planned, *millitokens));
        account
    }

    #[test]
    fn a_perfect_bucket_grants_right_to_the_millitoken() {
        assert_eq!(
            account(&[(0, 0, 10_000), (100, 100, 1000), (250, 250, 1500)])
                .over_admitted(parameters(), Duration::ZERO),
            0
        );
        assert_eq!(
            account(&[(0, 0, 10_000), (100, 100, 1000), (250, 250, 1501)])
                .over_admitted(parameters(), Duration::ZERO),
            1
        );
    }

    #[test]
    fn a_full_bucket_gains_nothing() {
        assert_eq!(
            account(&[(0, 0, 1000), (100_000, 100_000, 10_000)])
                .over_admitted(parameters(), Duration::ZERO),
            0
        );
        assert_eq!(
            account(&[(0, 0, 1000), (100_000, 100_000, 10_001)])
                .over_admitted(parameters(), Duration::ZERO),
            1
        );
    }

    #[test]
    fn latencies_and_clocks_widen_the_interval() {
        // The first write is done 20 ms late, the second has a clock that is 30 ms ahead.
        assert_eq!(
            account(&[(20, 0, 10_000), (100, 130, 1300)])
                .over_admitted(parameters(), Duration::ZERO),
            0
        );
        assert_eq!(
            account(&[(20, 0, 10_000), (100, 130, 1301)])
                .over_admitted(parameters(), Duration::ZERO),
            1
        );
    }

    #[test]
    fn a_period_of_a_quota_has_its_amount() {
        let hour = Renewal::Session(3_600_000);
        let two = |second: i64| {
            account(&[
                (0, 0, 10_000),
                (3_600_000, 3_600_000, 9000),
                (3_700_000, 3_700_000, second),
            ])
            .over_quota(10_000, &hour)
        };
        assert_eq!([two(1000), two(1001)], [0, 1]);
    }

    #[test]
    fn tokens_that_come_back_may_be_granted_again() {
        assert_eq!(
            account(&[(0, 0, 10_000), (0, 0, -2000), (0, 0, 2000)])
                .over_admitted(parameters(), Duration::ZERO),
            0
        );
        assert_eq!(
            account(&[(0, 0, 10_000), (0, 0, -2000), (0, 0, 2001)])
                .over_admitted(parameters(), Duration::ZERO),
            1
        );
    }
}
