//! What requests cost before they are answered.

use super::{InvalidPolicy, PolicyBuilder, PolicyLimits};
use crate::{
    layer::Estimate,
    model::{Cost, LimitName},
};

/// What a request is charged before it is answered.
#[derive(Default)]
pub(in crate::layer) struct CostRules {
    pub(in crate::layer) fixed: Cost,
    pub(in crate::layer) estimates: Vec<(LimitName, Box<dyn Estimate>)>,
}

/// What a builder was told.
#[derive(Default)]
pub(super) struct Draft {
    fixed: Vec<(String, u64)>,
    estimates: Vec<(String, Box<dyn Estimate>)>,
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
    /// The cost of every request in tokens of the limit `name`. A limit without one costs 1; 0
    /// leaves it alone.
    ///
    /// Where the limits are stored ones and lack it, requests are answered with 500.
    pub fn cost(mut self, name: impl Into<String>, tokens: u64) -> Self {
        self.cost.fixed.push((name.into(), tokens));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from its head. Where it
    /// gives none, the fixed [`cost`](Self::cost) holds.
    pub fn estimate(mut self, name: impl Into<String>, estimate: impl Estimate) -> Self {
        self.cost.estimates.push((name.into(), Box::new(estimate)));
        self
    }
}
