//! What requests cost before they are answered.

use std::sync::Arc;

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::{
    Lease,
    error::ExceedsCapacity,
    layer::{
        Estimate, Learn, RequestHead,
        cost::{Learned, Seen},
    },
    model::{Cost, LimitName, Limits},
};

/// The least that a request is charged of a limit that it is to pay for, in tokens.
pub(in crate::layer) const LEAST: u64 = 1;

/// What a request is charged before it is answered.
#[derive(Default)]
pub(in crate::layer) struct CostRules {
    pub(in crate::layer) fixed: Cost,
    estimates: Vec<(LimitName, Arc<dyn Estimate>)>,
    learned: Vec<(LimitName, Learned)>,
    seen: Seen,
}

impl CostRules {
    /// Returns `true` if every request costs the same.
    pub(in crate::layer) fn is_fixed(&self) -> bool {
        self.estimates.is_empty() && self.learned.is_empty()
    }

    /// Returns `true` if anything says what requests cost of the limit.
    pub(super) fn names(&self, limit: &LimitName) -> bool {
        self.fixed.get(limit.as_str()).is_some()
            || self
                .estimates
                .iter()
                .map(|(name, _)| name)
                .chain(self.learned.iter().map(|(name, _)| name))
                .any(|name| name == limit)
    }

    /// What is known of an entity and a resource goes by this.
    pub(in crate::layer) fn key<'a>(&self, entity: impl FnOnce() -> &'a str, resource: &str) -> u64 {
        if self.learned.is_empty() { 0 } else { self.seen.key(entity(), resource) }
    }

    /// Returns what a request costs: what its head says, else what was learned, else what is fixed.
    ///
    /// Only what is fixed may be 0. A client chooses what the head says, and has a part in what was learned: at 0 its
    /// requests would pass however deep the bucket is in debt.
    pub(in crate::layer) fn estimate(&self, key: u64, head: &RequestHead<'_>, limits: Option<&Limits>) -> Cost {
        let mut cost = self.fixed.clone();
        for (limit, learned) in &self.learned {
            let own = limits.and_then(|limits| limits.get(limits.index(limit.as_str())?));
            if let Some(tokens) = learned.estimate(key, own.map(|limit| limit.capacity())) {
                cost.set(limit.clone(), tokens.max(LEAST));
            }
        }
        for (limit, estimate) in &self.estimates {
            if let Some(tokens) = estimate.estimate(head) {
                cost.set(limit.clone(), tokens.max(LEAST));
            }
        }
        cost
    }

    /// Learns from a lease that is about to be committed, of limits whose real use is `known`.
    pub(in crate::layer) fn learn(&self, lease: &Lease, known: impl Fn(&str) -> bool) {
        for (limit, learned) in &self.learned {
            let limit = limit.as_str();
            if let (true, Some(used)) = (known(limit), lease.consumed(limit)) {
                let key = self.seen.key_of(lease.entity(), lease.resource());
                learned.observe(key, used, lease.capacity(limit));
            }
        }
    }

    /// The limit has become smaller than what was learned.
    pub(in crate::layer) fn unlearn(&self, error: &ExceedsCapacity) {
        for (_, learned) in self.learned.iter().filter(|(limit, _)| *limit == error.limit) {
            learned.cap(self.seen.key_of(&error.entity, &error.resource), error.capacity);
        }
    }
}

/// What a builder was told.
#[derive(Clone, Default)]
pub(super) struct Draft {
    fixed: Vec<(String, u64)>,
    estimates: Vec<(String, Arc<dyn Estimate>)>,
    learned: Vec<(String, Learn)>,
}

impl Draft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<CostRules, InvalidPolicy> {
        let mut rules = CostRules::default();
        for (name, tokens) in self.fixed {
            rules.fixed.set(limits.known(name)?, tokens);
        }
        for (name, estimate) in self.estimates {
            rules.estimates.push((limits.known(name)?, estimate));
        }
        for (name, learn) in self.learned {
            rules.learned.push((limits.known(name)?, Learned::new(learn)));
        }
        rules.check(limits)?;
        Ok(rules)
    }
}

impl CostRules {
    fn check(&self, limits: &PolicyLimits) -> Result<(), InvalidPolicy> {
        let PolicyLimits::Exactly(limits) = limits else {
            return Ok(());
        };
        for limit in limits.iter() {
            let (cost, capacity) = (self.fixed.get(limit.name().as_str()).unwrap_or(1), limit.capacity());
            if cost > capacity {
                return Err(InvalidPolicy::CostExceedsCapacity { limit: limit.name().clone(), cost, capacity });
            }
        }
        Ok(())
    }
}

/// Costs.
impl PolicyBuilder {
    /// The cost of every request in tokens of the limit `name`. A limit without one costs 1. With 0, requests do not
    /// touch the limit, however deep it is in debt: nothing but this says so.
    ///
    /// Where the limits are stored ones and lack it, requests are answered with 500.
    pub fn cost(mut self, name: impl Into<String>, tokens: u64) -> Self {
        self.cost.fixed.push((name.into(), tokens));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from its head. If it gives none, what was
    /// [learned](Self::learn) holds, or else the fixed [`cost`](Self::cost). An estimate of 0 counts as 1.
    ///
    /// With `.cost(name, 0)` beside it, requests whose head tells nothing do not touch the limit. Say so only if the
    /// estimate is a closure that decides it: a client can leave a header out.
    pub fn estimate(mut self, name: impl Into<String>, estimate: impl Estimate) -> Self {
        self.cost.estimates.push((name.into(), Arc::new(estimate)));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` by what was really used
    /// before. It needs something that tells: a [`settle`](Self::settle) rule, or a handler.
    ///
    /// Where a stored limit has become smaller than what was learned, one request is refused for
    /// exceeding the capacity before that is noticed.
    pub fn learn(mut self, name: impl Into<String>, learn: Learn) -> Self {
        self.cost.learned.push((name.into(), learn));
        self
    }
}
