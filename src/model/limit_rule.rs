//! The arithmetic of a limit, as a rule and as parameters of a bucket.

use std::time::Duration;

use super::{
    Course, Limit, LimitName, MILLI, Parameters, RefillRule, Renewal, Timetable, to_milli,
};

impl Limit {
    /// Returns the limit `name` with `parameters`; `None` if they are not valid for a limit, for
    /// example not whole tokens.
    pub(crate) fn from_parameters(
        name: &LimitName,
        parameters: Parameters,
        renewal: Option<&Renewal>,
        timetable: Option<&Timetable>,
    ) -> Option<Limit> {
        let limit = Self::constant(name, parameters, renewal)?;
        match timetable {
            None => Some(limit),
            Some(timetable) => limit.with_timetable(timetable.clone()).ok(),
        }
    }

    fn constant(
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
        let rule = self.parameters_at(now).whole();
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
                let capacity = self.parameters_at(now).capacity();
                RefillRule::quota(capacity, *length, period.saturating_sub(now))
            }
            _ => self.rule_at(now),
        }
    }

    /// Returns the refill in the `millis` milliseconds after `now` (epoch ms): millitokens, rounded
    /// down. A quota has none.
    pub(crate) fn refill_in(&self, millis: i64, now: i64) -> i64 {
        if self.is_quota() {
            return 0;
        }
        let refill = match self.course((0, 1)) {
            None => self.rule().accrue(millis, 0),
            Some(course) => course.refill(now, now.saturating_add(millis), 0).refill,
        };
        i64::try_from(refill.raw).unwrap_or(i64::MAX)
    }

    /// Returns the numbers at `now`: epoch ms.
    pub(crate) fn parameters_at(&self, now: i64) -> Parameters {
        let base = Parameters::from(self);
        match self.timetable() {
            None => base,
            Some(timetable) => timetable.parameters_at(base, now),
        }
    }

    /// Returns the rules over time in one shard of a number of them, if the limit has a schedule.
    pub(crate) fn course(&self, shard: (u32, u32)) -> Option<Course<'_>> {
        Some(Course {
            timetable: self.timetable()?,
            parameters: Parameters::from(self),
            shard,
        })
    }

    /// Returns the greatest capacity that the limit ever has, tokens.
    pub(crate) fn greatest_capacity(&self) -> u64 {
        match self.course((0, 1)) {
            None => self.capacity(),
            Some(course) => u64::try_from(course.greatest_capacity() / MILLI).unwrap_or(0),
        }
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
            .ok()
            .and_then(|limit| limit.with_part_of(self.timetable(), parts, of));
        }
        let part = |amount, period| {
            Limit::check(self.name().clone(), tokens(self.capacity()), amount, period).ok()
        };
        // A longer period keeps the rate exact. A smaller amount would be rounded.
        let period =
            (self.refill_period().as_millis() * u128::from(of)).div_ceil(u128::from(parts.max(1)));
        let longer = u64::try_from(period).ok().map(Duration::from_millis);
        let longer = longer.and_then(|period| part(self.refill_amount(), period));
        let limit = longer.or_else(|| part(tokens(self.refill_amount()), self.refill_period()))?;
        limit.with_part_of(self.timetable(), parts, of)
    }

    fn with_part_of(self, timetable: Option<&Timetable>, parts: u32, of: u32) -> Option<Self> {
        match timetable {
            None => Some(self),
            Some(timetable) => {
                let part = timetable.schedule().part(parts, of);
                self.with_timetable(Timetable::new(part)).ok()
            }
        }
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
