//! The cost that a request is charged before it is answered.

use std::sync::Arc;

use super::{InvalidPolicy, PolicyLimits};
use crate::{
    error::ExceedsCapacity,
    layer::{
        Estimate, Learn, RequestHead,
        cost::{KeyHasher, Learned},
    },
    limiter::LeasePart,
    model::{Cost, LimitName, Limits},
};

/// The minimum that a request is charged for a limit that it has to pay for, in tokens.
pub(crate) const LEAST: u64 = 1;

/// The rules for the cost that a request is charged before it is answered.
#[derive(Default)]
pub(crate) struct CostRules {
    pub(crate) fixed: Cost,
    estimates: Vec<(LimitName, Arc<dyn Estimate>)>,
    learned: Vec<(LimitName, Learned)>,
    seen: KeyHasher,
}

impl CostRules {
    /// Returns `true` if every request costs the same.
    pub(crate) fn is_fixed(&self) -> bool {
        self.estimates.is_empty() && self.learned.is_empty()
    }

    /// Returns `true` if any rule gives a cost in tokens of the limit.
    pub(super) fn names(&self, limit: &LimitName) -> bool {
        self.fixed.get(limit.as_str()).is_some()
            || self
                .estimates
                .iter()
                .map(|(name, _)| name)
                .chain(self.learned.iter().map(|(name, _)| name))
                .any(|name| name == limit)
    }

    /// Returns the key under which the learned costs of an entity and a resource are found.
    pub(crate) fn key<'a>(&self, entity: impl FnOnce() -> &'a str, resource: &str) -> u64 {
        if self.learned.is_empty() {
            0
        } else {
            self.seen.key(entity(), resource)
        }
    }

    /// Returns the cost of a request: the estimate from its head, or else the learned cost, or else
    /// the fixed cost.
    ///
    /// Only the fixed cost may be 0. A client chooses its head, and influences what is learned. If
    /// one of these could be 0, its requests would pass even if the bucket is deep in debt.
    pub(crate) fn estimate(
        &self,
        key: u64,
        head: &RequestHead<'_>,
        limits: Option<&Limits>,
    ) -> Cost {
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

    /// Learns from a lease that is about to be committed. Only limits whose real use is `known`
    /// count.
    pub(crate) fn learn(&self, lease: LeasePart<'_>, known: impl Fn(&str) -> bool) {
        for (limit, learned) in &self.learned {
            let limit = limit.as_str();
            if let (true, Some(used)) = (known(limit), lease.consumed(limit)) {
                let key = self.seen.key_of(lease.entity(), lease.resource());
                learned.observe(key, used, lease.capacity(limit));
            }
        }
    }

    /// Lowers the learned cost to the capacity of the limit, which has become smaller.
    pub(crate) fn unlearn(&self, error: &ExceedsCapacity) {
        for (_, learned) in self
            .learned
            .iter()
            .filter(|(limit, _)| *limit == error.limit)
        {
            learned.cap(
                self.seen.key_of(&error.entity, &error.resource),
                error.capacity,
            );
        }
    }
}

/// The settings of a builder, not yet checked.
#[derive(Clone, Default)]
pub(super) struct CostDraft {
    pub(super) fixed: Vec<(String, u64)>,
    pub(super) estimates: Vec<(String, Arc<dyn Estimate>)>,
    pub(super) learned: Vec<(String, Learn)>,
}

impl CostDraft {
    pub(super) fn check(self, limits: &PolicyLimits) -> Result<CostRules, InvalidPolicy> {
        let mut rules = CostRules::default();
        for (name, tokens) in self.fixed {
            rules.fixed.set(limits.known(name)?, tokens);
        }
        for (name, estimate) in self.estimates {
            rules.estimates.push((limits.known(name)?, estimate));
        }
        for (name, learn) in self.learned {
            rules
                .learned
                .push((limits.known(name)?, Learned::new(learn)));
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
            let (cost, capacity) = (
                self.fixed.get(limit.name().as_str()).unwrap_or(1),
                limit.capacity(),
            );
            if cost > capacity {
                return Err(InvalidPolicy::CostExceedsCapacity {
                    limit: limit.name().clone(),
                    cost,
                    capacity,
                });
            }
        }
        Ok(())
    }
}
