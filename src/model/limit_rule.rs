//! The arithmetic of a limit, as a rule and as parameters of a bucket.

use std::time::Duration;

use super::{Limit, LimitName, MILLI, Parameters, RefillRule, Renewal, to_milli};

impl Limit {
    /// Returns the limit `name` with `parameters`; `None` if they are not valid for a limit, for
    /// example not whole tokens.
    pub(crate) fn from_parameters(
        name: &LimitName,
        parameters: Parameters,
        renewal: Option<&Renewal>,
    ) -> Option<Limit> {
        let tokens = |amount: i64| {
            (amount % MILLI == 0)
                .then(|| u64::try_from(amount / MILLI).ok())
                .flatten()
        };
        if let Some(renewal) = renewal {
            let amount = tokens(parameters.capacity())?;
            return Limit::renewed(name.clone(), amount, renewal.clone()).ok();
        }
        let period = Duration::from_millis(u64::try_from(parameters.refill_period()).ok()?);
        Limit::new(
            name,
            tokens(parameters.capacity())?,
            tokens(parameters.refill_amount())?,
            period,
        )
        .ok()
    }

    /// Returns the rule of an unsharded bucket with this limit. The period of a quota is not known:
    /// it never ends.
    pub(crate) fn rule(&self) -> RefillRule {
        let rule = Parameters::from(self).whole();
        match self.renewal() {
            None => rule,
            Some(renewal) => RefillRule::quota(rule.capacity(), renewal.cycle(), i64::MAX),
        }
    }

    /// Returns the rule of an unsharded bucket with this limit at `now` (epoch ms). A session is
    /// taken to begin now, because the bucket is not known.
    pub(crate) fn rule_at(&self, now: i64) -> RefillRule {
        let rule = Parameters::from(self).whole();
        match self.renewal() {
            None => rule,
            Some(renewal) => {
                let left = renewal.end_after(now).saturating_sub(now);
                RefillRule::quota(rule.capacity(), renewal.cycle(), left)
            }
        }
    }

    /// Returns the rule of an unsharded bucket with this limit at `now` (epoch ms), in a period of
    /// the quota with this [id](super::Period::id). With an id of 0 the period is not known.
    pub(crate) fn rule_in(&self, period: i64, now: i64) -> RefillRule {
        match self.renewal() {
            Some(Renewal::Session(length)) if period > 0 => {
                let capacity = Parameters::from(self).whole().capacity();
                RefillRule::quota(capacity, *length, period.saturating_sub(now))
            }
            _ => self.rule_at(now),
        }
    }

    /// Returns the refill in `millis` milliseconds: millitokens, rounded down. A quota has none.
    pub(crate) fn refill_in(&self, millis: i64) -> i64 {
        if self.is_quota() {
            return 0;
        }
        i64::try_from(self.rule().accrue(millis, 0).raw).unwrap_or(i64::MAX)
    }

    /// Returns `parts` of `of` parts of the limit. The capacity is rounded down, but to at least
    /// one token. `None` if the part is not a valid limit.
    pub(crate) fn part(&self, parts: u32, of: u32) -> Option<Limit> {
        let tokens = |whole: u64| {
            let part = u128::from(whole) * u128::from(parts) / u128::from(of.max(1));
            u64::try_from(part).unwrap_or(whole).max(1)
        };
        if let Some(renewal) = self.renewal() {
            return Limit::renewed(
                self.name().clone(),
                tokens(self.capacity()),
                renewal.clone(),
            )
            .ok();
        }
        let part = |amount, period| {
            Limit::check(self.name().clone(), tokens(self.capacity()), amount, period).ok()
        };
        // A longer period keeps the rate exact. A smaller amount would be rounded.
        let period =
            (self.refill_period().as_millis() * u128::from(of)).div_ceil(u128::from(parts.max(1)));
        let longer = u64::try_from(period).ok().map(Duration::from_millis);
        let longer = longer.and_then(|period| part(self.refill_amount(), period));
        longer.or_else(|| part(tokens(self.refill_amount()), self.refill_period()))
    }
}

impl From<&Limit> for Parameters {
    fn from(limit: &Limit) -> Self {
        let period = i64::try_from(limit.refill_period().as_millis()).unwrap_or(i64::MAX);
        Self::of_limit(
            to_milli(limit.capacity()),
            to_milli(limit.refill_amount()),
            period,
        )
    }
}
