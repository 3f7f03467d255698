//! Resources that a policy charges in addition to its own one.

use std::{fmt, sync::Arc};

use super::{
    CostRules, InvalidPolicy, PolicyLimits, SettlementRules, cost::CostDraft, limits::LimitsDraft,
    settlement::SettlementDraft, subject::is_name,
};
use crate::{
    layer::{Estimate, Key, KeyExtractor, Learn, Settle},
    model::{IntoName, Limit, LimitName, Resource},
    telemetry,
};

/// A resource that a policy charges in addition to its own one:
/// [`PolicyBuilder::also`](super::PolicyBuilder::also).
///
/// The resource has its own limits, cost and settle rules. The settings mean the same as those of
/// the [`PolicyBuilder`](super::PolicyBuilder), and have the same defaults: stored limits, a cost of
/// 1 for each limit, no settlement.
#[derive(Clone)]
#[must_use = "a charge does nothing until a policy has it"]
pub struct ResourceCharge {
    resource: Arc<dyn KeyExtractor>,
    limits: LimitsDraft,
    cost: CostDraft,
    settlement: SettlementDraft,
}

impl fmt::Debug for ResourceCharge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceCharge")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl ResourceCharge {
    /// Creates a charge of the resource that the key finds, for the entity of the policy.
    pub fn on(resource: impl KeyExtractor) -> Self {
        Self {
            resource: Arc::new(resource),
            limits: LimitsDraft::default(),
            cost: CostDraft::default(),
            settlement: SettlementDraft::default(),
        }
    }

    /// Adds a limit that applies instead of stored ones.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.exactly.push(limit);
        self
    }

    /// Adds a limit for the case that no limits are stored.
    pub fn default_limit(mut self, limit: Limit) -> Self {
        self.limits.default.push(limit);
        self
    }

    /// Sets the cost of every request in tokens of the limit `name`.
    pub fn cost(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.cost.fixed.push((name.as_text().to_owned(), tokens));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from its head.
    pub fn estimate(mut self, name: impl IntoName<LimitName>, estimate: impl Estimate) -> Self {
        self.cost
            .estimates
            .push((name.as_text().to_owned(), Arc::new(estimate)));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from the real use of earlier
    /// requests.
    pub fn learn(mut self, name: impl IntoName<LimitName>, learn: Learn) -> Self {
        self.cost.learned.push((name.as_text().to_owned(), learn));
        self
    }

    /// Adds a rule that finds the real use of the limit `name` in the response.
    pub fn settle(mut self, name: impl IntoName<LimitName>, rule: Settle) -> Self {
        self.settlement
            .settle
            .push((name.as_text().to_owned(), rule));
        self
    }

    /// Sets the maximum use that a rule may find, in tokens of the limit `name`.
    pub fn settle_at_most(mut self, name: impl IntoName<LimitName>, tokens: u64) -> Self {
        self.settlement
            .at_most
            .push((name.as_text().to_owned(), tokens));
        self
    }

    /// Returns the resource if it is the same for all requests.
    pub(super) fn constant(&self) -> Option<Resource> {
        self.resource
            .constant()
            .and_then(|key| key.into_resource().ok())
    }

    /// Checks the settings. With `needs_cost`, warns about a limit that has a settle rule but no
    /// cost.
    pub(super) fn check(self, needs_cost: bool) -> Result<ChargeRules, InvalidPolicy> {
        let fixed = self.constant();
        is_name(self.resource.constant().map(Key::into_resource))?;
        let limits = self.limits.check()?;
        let cost = self.cost.check(&limits)?;
        let settlement = self.settlement.check(&limits, &[])?;
        if needs_cost {
            settlement
                .limits()
                .filter(|limit| !cost.names(limit))
                .for_each(telemetry::settled_without_cost);
        }
        Ok(ChargeRules {
            resource: self.resource,
            fixed,
            limits,
            cost,
            settlement,
        })
    }
}

/// The rules of a resource that a policy charges in addition to its own one.
pub(crate) struct ChargeRules {
    pub(crate) resource: Arc<dyn KeyExtractor>,
    /// The resource, if it is the same for all requests.
    pub(crate) fixed: Option<Resource>,
    pub(crate) limits: PolicyLimits,
    pub(crate) cost: CostRules,
    pub(crate) settlement: SettlementRules,
}
