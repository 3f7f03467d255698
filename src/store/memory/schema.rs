//! The limits that many buckets have in common, stored once for all of them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::recent::Recent;
use crate::model::{Limit, LimitName, Limits, Parameters, RefillRule};

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
}

impl LimitSchema {
    /// Returns the rule by which the limit refills at `_now` (epoch ms).
    #[inline]
    pub(super) fn rule_at(&self, _now: i64) -> RefillRule {
        self.rule
    }
}

impl From<&Limit> for LimitSchema {
    fn from(limit: &Limit) -> Self {
        let parameters = Parameters::from(limit);
        Self {
            name: limit.name().clone(),
            parameters,
            rule: parameters.whole(),
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
                Some(index) => self.known[index].parameters != Parameters::from(limit),
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
