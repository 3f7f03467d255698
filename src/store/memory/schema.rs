//! The limits that many buckets have in common, stored once for all of them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{levels::LimitLevel, recent::Recent};
use crate::model::{Level, Limit, LimitName, Limits, Parameters, RefillRule, Renewal};

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
    pub(super) rule: RefillRule,
    /// The periods of a quota.
    pub(super) renewal: Option<Renewal>,
}

impl LimitSchema {
    /// Returns the rule of the limit at `now` if its period ends at `ends_at` (epoch ms).
    #[inline]
    pub(super) fn rule_at(&self, now: i64, ends_at: i64) -> RefillRule {
        match &self.renewal {
            None => self.rule,
            Some(renewal) => {
                let left = ends_at.saturating_sub(now).max(0);
                RefillRule::quota(self.rule.capacity(), renewal.cycle(), left)
            }
        }
    }

    /// Returns the rule of the limit as [`rule_at`](Self::rule_at) does, with what an operator has
    /// added for the period (millitokens).
    pub(super) fn rule_with(&self, topped_up: i64, now: i64, ends_at: i64) -> RefillRule {
        let rule = self.rule_at(now, ends_at);
        if topped_up <= 0 || rule.is_renewed() {
            return rule;
        }
        let capacity = rule.capacity().saturating_add(topped_up);
        RefillRule::quota(capacity, rule.time_to_fill(), rule.renewed_in())
    }

    /// Returns the limit's level at `now` (epoch ms), `age` ms after it was `held`. A session
    /// begins only when something is taken.
    #[inline]
    pub(super) fn refill(&self, held: &mut LimitLevel, age: i64, now: i64) {
        match &self.renewal {
            None => held.level = self.rule.refill(held.level, age),
            Some(renewal) => self.renew(renewal, held, now),
        }
    }

    #[cold]
    fn renew(&self, renewal: &Renewal, held: &mut LimitLevel, now: i64) {
        if held.ends_at > now {
            return;
        }
        held.level = Level::new(self.rule.capacity(), 0);
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
        self.parameters == Parameters::from(limit) && self.renewal.as_ref() == limit.renewal()
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
