//! The limits that many buckets have in common, stored once for all of them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{levels::LimitLevel, recent::Recent};
use crate::model::{
    Course, Level, Limit, LimitName, Limits, Parameters, RefillRule, Renewal, Timetable,
};

/// The limits of a bucket.
#[derive(Debug)]
pub(super) struct Schema {
    /// The limits with which `known` begins, as requests pass them. `None` if no request has passed
    /// them.
    limits: Option<Limits>,
    known: SmallVec<[LimitSchema; 1]>,
}

/// The constant part of a bucket's limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LimitSchema {
    pub(super) name: LimitName,
    pub(super) parameters: Parameters,
    /// The rule by the limit's own numbers.
    pub(super) rule: RefillRule,
    /// The periods of a quota.
    pub(super) renewal: Option<Renewal>,
    /// The schedule of the numbers.
    pub(super) timetable: Option<Timetable>,
    /// The number of the shard, and the number of shards.
    pub(super) shard: (u32, u32),
}

impl LimitSchema {
    /// Returns the rule of the limit at `now` if its period ends at `ends_at` (epoch ms).
    #[inline]
    pub(super) fn rule_at(&self, now: i64, ends_at: i64) -> RefillRule {
        let rule = self.numbers_at(now);
        match &self.renewal {
            None => rule,
            Some(renewal) => {
                let left = ends_at.saturating_sub(now).max(0);
                RefillRule::quota(rule.capacity(), renewal.cycle(), left)
            }
        }
    }

    /// Returns the rule of the limit's numbers at `now`: epoch ms. The periods of a quota are not
    /// known to it.
    #[inline]
    pub(super) fn numbers_at(&self, now: i64) -> RefillRule {
        match self.course() {
            None => self.rule,
            Some(course) => course.rule_at(now),
        }
    }

    /// Returns the rules over time, if the limit has a schedule.
    #[inline]
    pub(super) fn course(&self) -> Option<Course<'_>> {
        Some(Course {
            timetable: self.timetable.as_ref()?,
            parameters: self.parameters,
            shard: self.shard,
        })
    }

    /// Returns the milliseconds from `now` until the limit, as it is held then, has `amount`
    /// millitokens; `None` if it never has.
    pub(super) fn wait(&self, held: &LimitLevel, amount: i64, now: i64) -> Option<i64> {
        match self.course().filter(|_| self.renewal.is_none()) {
            None => self.rule_at(now, held.ends_at).wait(held.level, amount),
            Some(course) => course.wait(held.level, amount, now),
        }
    }

    /// Returns the milliseconds from `now` until the limit, as it is held then, is full.
    pub(super) fn full_in(&self, held: &LimitLevel, now: i64) -> i64 {
        match self.course().filter(|_| self.renewal.is_none()) {
            None => {
                let rule = self.rule_at(now, held.ends_at);
                rule.wait(held.level, rule.capacity()).unwrap_or(i64::MAX)
            }
            Some(course) => course.full_in(held.level, now),
        }
    }

    /// Returns the numbers of the limit at `now` (epoch ms), for all shards together.
    pub(super) fn parameters_at(&self, now: i64) -> Parameters {
        match &self.timetable {
            None => self.parameters,
            Some(timetable) => timetable.parameters_at(self.parameters, now),
        }
    }

    /// Returns the rule of the limit as [`rule_at`](Self::rule_at) does, for a quota that may hold
    /// `ceiling` (millitokens) in this period.
    pub(super) fn rule_with(&self, ceiling: Option<i64>, now: i64, ends_at: i64) -> RefillRule {
        let rule = self.rule_at(now, ends_at);
        match ceiling.filter(|_| !rule.is_renewed()) {
            None => rule,
            Some(ceiling) => RefillRule::quota(ceiling, rule.time_to_fill(), rule.renewed_in()),
        }
    }

    /// Sets the limit's level to that at `now` (epoch ms), `age` ms after it was `held`. A session
    /// begins only when something is taken. `ceiling` is the most that a quota may hold, if that is
    /// not its capacity.
    #[inline]
    pub(super) fn refill(&self, held: &mut LimitLevel, age: i64, now: i64, ceiling: Option<i64>) {
        match (&self.renewal, self.course()) {
            (None, None) => held.level = self.rule.refill(held.level, age),
            (None, Some(course)) => {
                let span = course.refill(now.saturating_sub(age), now, held.level.remainder);
                held.level = span.apply(held.level);
            }
            (Some(renewal), _) => self.renew(renewal, held, now, ceiling),
        }
    }

    #[cold]
    fn renew(&self, renewal: &Renewal, held: &mut LimitLevel, now: i64, ceiling: Option<i64>) {
        let capacity = self.numbers_at(now).capacity();
        if held.ends_at > now {
            held.level.tokens = held.level.tokens.min(ceiling.unwrap_or(capacity));
            return;
        }
        held.level = Level::new(capacity, 0);
        if let Renewal::Calendar(calendar) = renewal {
            held.ends_at = calendar.end_after(now);
        }
    }

    /// Returns the [id](crate::model::Period::id) of the limit's period after this number of
    /// resets; 0 for a token bucket.
    #[inline]
    pub(super) fn period_id(&self, held: &LimitLevel, resets: i64) -> i64 {
        let id = |renewal: &Renewal| renewal.id(held.ends_at, resets);
        self.renewal.as_ref().map_or(0, id)
    }

    /// Begins a session at `now` (epoch ms) if the last one has ended.
    #[inline]
    pub(super) fn open(&self, held: &mut LimitLevel, now: i64) {
        if let Some(Renewal::Session(length)) = self.renewal
            && held.ends_at <= now
        {
            held.ends_at = now.saturating_add(length);
        }
    }

    /// Returns `true` if it is this limit.
    pub(super) fn is(&self, limit: &Limit) -> bool {
        self.parameters == Parameters::from(limit)
            && self.renewal.as_ref() == limit.renewal()
            && self.timetable.as_ref() == limit.timetable()
    }
}

impl From<&Limit> for LimitSchema {
    fn from(limit: &Limit) -> Self {
        let parameters = Parameters::from(limit);
        Self {
            name: limit.name().clone(),
            parameters,
            rule: parameters.whole(),
            renewal: limit.renewal().cloned(),
            timetable: limit.timetable().cloned(),
            shard: (0, 1),
        }
    }
}

impl Schema {
    pub(super) fn new(limits: Option<&Limits>, known: SmallVec<[LimitSchema; 1]>) -> Self {
        Self {
            limits: limits.cloned(),
            known,
        }
    }

    pub(super) fn known(&self) -> &[LimitSchema] {
        &self.known
    }

    /// Returns `true` if the bucket's limits begin with `limits`. Usually a comparison of pointers.
    #[inline]
    pub(super) fn begins_with(&self, limits: &Limits) -> bool {
        self.limits.as_ref().is_some_and(|own| own.same(limits))
    }

    pub(super) fn position(&self, name: &LimitName) -> Option<usize> {
        self.known.iter().position(|known| known.name == *name)
    }

    /// Returns `true` if one of `limits` is missing or has other parameters.
    pub(super) fn differs(&self, limits: &Limits) -> bool {
        limits
            .iter()
            .any(|limit| match self.position(limit.name()) {
                Some(index) => !self.known[index].is(limit),
                None => true,
            })
    }
}

/// A cache of the schemas that a part of the store used last, so that its buckets share them.
#[derive(Debug, Default)]
pub(super) struct Schemas(Recent<Schema>);

impl Schemas {
    /// Returns a schema with the limits `known`, which begins with `limits`.
    pub(super) fn schema(
        &self,
        limits: Option<&Limits>,
        known: SmallVec<[LimitSchema; 1]>,
    ) -> Arc<Schema> {
        let same = |schema: &Schema| {
            schema.known == known && limits.is_none_or(|limits| schema.begins_with(limits))
        };
        self.0.shared(same, || Schema::new(limits, known.clone()))
    }
}
