//! What the layer does with the requests of a route.

use std::{fmt, sync::Arc};

use super::{
    Estimate, Key, KeyExtractor, ReportLimits, Settle,
    headers::PolicyField,
    keys::{fixed, peer_ip},
};
use crate::{
    error::Invalid,
    limiter::Prefetch,
    model::{Cost, EntityId, InvalidLimits, InvalidName, Limit, LimitName, Limits, Resource, StoredOnUnavailable},
};

/// What the layer does with the requests of a route: keys, limits, cost, settle rules, failure
/// mode. Clones are cheap.
#[derive(Clone)]
pub struct Policy {
    pub(super) rules: Arc<Rules>,
}

/// The checked parts of a policy.
pub(super) struct Rules {
    pub(super) entity: Box<dyn KeyExtractor>,
    pub(super) resource: Box<dyn KeyExtractor>,
    /// The resource, where it is the same for all requests.
    pub(super) fixed_resource: Option<Resource>,
    pub(super) limits: PolicyLimits,
    pub(super) cost: Cost,
    pub(super) estimates: Vec<(LimitName, Box<dyn Estimate>)>,
    pub(super) settle: Vec<(LimitName, Settle)>,
    pub(super) refund_server_errors: bool,
    pub(super) on_missing_key: OnMissingKey,
    pub(super) on_unavailable: OnUnavailable,
    pub(super) limit_preflights: bool,
    pub(super) without_parent: bool,
    pub(super) prefetch: Option<Prefetch>,
    /// Whether handlers get a handle of the lease.
    pub(super) shares_lease: bool,
    pub(super) report: ReportLimits,
    pub(super) policy_field: PolicyField,
}

/// Which limits hold for a policy's requests.
#[derive(Clone, Debug)]
pub(super) enum PolicyLimits {
    /// Those that are stored in the table.
    Stored,
    /// Those that are stored, or where there are none these.
    StoredOr(Limits),
    /// These, whatever is stored.
    Exactly(Limits),
}

impl PolicyLimits {
    /// The name, if the limits may have it.
    fn known(&self, name: String) -> Result<LimitName, InvalidPolicy> {
        match self {
            Self::Exactly(limits) => match limits.index(&name) {
                Some(index) => Ok(limits[index].name().clone()),
                None => Err(InvalidPolicy::UnknownLimit(name)),
            },
            // What is stored may have it.
            Self::Stored | Self::StoredOr(_) => Ok(LimitName::new(name)?),
        }
    }

    fn own(&self) -> Option<&Limits> {
        match self {
            Self::Stored => None,
            Self::StoredOr(limits) | Self::Exactly(limits) => Some(limits),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rules { limits, cost, on_missing_key, on_unavailable, .. } = &*self.rules;
        f.debug_struct("Policy")
            .field("limits", limits)
            .field("cost", cost)
            .field("on_missing_key", on_missing_key)
            .field("on_unavailable", on_unavailable)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request whose key is missing or empty. A mistake in the server's own setup
/// is answered with 500 whatever it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnMissingKey {
    /// Answered with 400, or 401 where a credential is missing.
    #[default]
    Reject,
    /// All such requests share this entity. Only for entity keys: without a resource the request
    /// is rejected. A request that brings this very id as its plain key is one of them.
    Entity(EntityId),
    /// Passed on unlimited.
    Skip,
}

/// What becomes of a request that the store gives no decision for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// What the system's stored config says, as it was last seen; answered with 503 where it says
    /// nothing.
    #[default]
    Stored,
    /// Answered with 503.
    Block,
    /// Passed on unlimited, without a lease.
    Allow,
}

impl OnUnavailable {
    /// Whether the request passes, where the stored config says `stored`.
    pub(super) fn allows(self, stored: Option<StoredOnUnavailable>) -> bool {
        match self {
            Self::Stored => stored == Some(StoredOnUnavailable::Allow),
            Self::Block => false,
            Self::Allow => true,
        }
    }
}

/// A policy that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// Nobody says who is limited.
    #[error("a policy needs an entity key")]
    NoEntity,
    /// Nobody says what is used.
    #[error("a policy needs a resource key")]
    NoResource,
    /// The limits cannot stand together, or there is none.
    #[error(transparent)]
    Limits(#[from] InvalidLimits),
    /// A fixed key or a limit's name is not a name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A cost, an estimate or a settle rule names a limit that the policy does not have.
    #[error("the policy has no limit {0}")]
    UnknownLimit(String),
    /// A fixed cost that no full bucket holds.
    #[error("the cost of {limit} is {cost}, its capacity only {capacity}")]
    CostExceedsCapacity {
        /// The limit.
        limit: LimitName,
        /// Tokens asked for.
        cost: u64,
        /// Tokens that a full bucket holds.
        capacity: u64,
    },
}

impl Policy {
    /// Begins a policy.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// One limit for every peer address: [`peer_ip`] as entity, `http` as resource, cost 1. An
    /// address has no parent.
    pub fn per_ip(limit: Limit) -> Self {
        let rules = Rules::new(Box::new(peer_ip()), Box::new(fixed("http")), PolicyLimits::Exactly(limit.into()));
        Self { rules: Arc::new(Rules { without_parent: true, ..rules }) }
    }

    /// The limits that the policy brings along; `None` where it goes by stored ones alone.
    pub fn limits(&self) -> Option<&Limits> {
        self.rules.limits.own()
    }
}

impl Rules {
    fn new(entity: Box<dyn KeyExtractor>, resource: Box<dyn KeyExtractor>, limits: PolicyLimits) -> Self {
        Self {
            entity,
            fixed_resource: resource.constant().and_then(|key| key.into_resource().ok()),
            resource,
            policy_field: PolicyField::new(limits.own()),
            limits,
            cost: Cost::new(),
            estimates: Vec::new(),
            settle: Vec::new(),
            refund_server_errors: false,
            on_missing_key: OnMissingKey::default(),
            on_unavailable: OnUnavailable::default(),
            limit_preflights: false,
            without_parent: false,
            prefetch: None,
            shares_lease: true,
            report: ReportLimits::default(),
        }
    }
}

impl Rules {
    fn check_costs(&self) -> Result<(), InvalidPolicy> {
        let PolicyLimits::Exactly(limits) = &self.limits else {
            return Ok(());
        };
        for limit in limits.iter() {
            let (cost, capacity) = (self.cost.get(limit.name().as_str()).unwrap_or(1), limit.capacity());
            if cost > capacity {
                return Err(InvalidPolicy::CostExceedsCapacity { limit: limit.name().clone(), cost, capacity });
            }
        }
        Ok(())
    }
}

/// Builds a [`Policy`].
#[derive(Default)]
#[must_use = "a builder builds nothing by itself"]
pub struct PolicyBuilder {
    entity: Option<Box<dyn KeyExtractor>>,
    resource: Option<Box<dyn KeyExtractor>>,
    limits: Vec<Limit>,
    default_limits: Vec<Limit>,
    costs: Vec<(String, u64)>,
    estimates: Vec<(String, Box<dyn Estimate>)>,
    settle: Vec<(String, Settle)>,
    refund_server_errors: bool,
    on_missing_key: OnMissingKey,
    on_unavailable: OnUnavailable,
    limit_preflights: bool,
    without_parent: bool,
    prefetch: Option<Prefetch>,
    without_handle: bool,
    report: ReportLimits,
}

impl fmt::Debug for PolicyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyBuilder")
            .field("limits", &self.limits)
            .field("costs", &self.costs)
            .finish_non_exhaustive()
    }
}

impl PolicyBuilder {
    /// Who is limited.
    pub fn entity(mut self, key: impl KeyExtractor) -> Self {
        self.entity = Some(Box::new(key));
        self
    }

    /// What is used.
    pub fn resource(mut self, key: impl KeyExtractor) -> Self {
        self.resource = Some(Box::new(key));
        self
    }

    /// Adds a limit that holds whatever is stored. All limits of a policy are charged together,
    /// all or none.
    ///
    /// A policy without limits goes by those that are stored in the table. Where there are none,
    /// its requests are answered with 500.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Adds a limit for entities and resources that no stored level has limits for. It has no
    /// effect beside [`limit`](Self::limit).
    pub fn default_limit(mut self, limit: Limit) -> Self {
        self.default_limits.push(limit);
        self
    }

    /// Charges the entity's own bucket alone, and does not look whether it has a parent: that
    /// saves the first request of an entity and resource one round trip.
    pub fn without_parent(mut self) -> Self {
        self.without_parent = true;
        self
    }

    /// Takes tokens ahead and grants from memory: see [`Prefetch`] for what that costs.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.prefetch = Some(prefetch);
        self
    }

    /// Keeps the lease to the layer: handlers get no [`LeaseHandle`](super::LeaseHandle) of it, nor
    /// [`RateLimitStatus`](super::RateLimitStatus) from it, and it is committed as soon as the
    /// response's head is ready. For limits that only count requests; it saves each of them the
    /// entry in its extensions. A handle that a layer further out has put there stays.
    pub fn without_handle(mut self) -> Self {
        self.without_handle = true;
        self
    }

    /// The cost of every request in tokens of the limit `name`. A limit without one costs 1; 0
    /// leaves it alone.
    ///
    /// Where the limits are stored ones and lack it, requests are answered with 500.
    pub fn cost(mut self, name: impl Into<String>, tokens: u64) -> Self {
        self.costs.push((name.into(), tokens));
        self
    }

    /// Estimates the cost of a request in tokens of the limit `name` from its head. Where it
    /// gives none, the fixed [`cost`](Self::cost) holds.
    pub fn estimate(mut self, name: impl Into<String>, estimate: impl Estimate) -> Self {
        self.estimates.push((name.into(), Box::new(estimate)));
        self
    }

    /// Finds the real use of the limit `name` in the response's head. Stored limits that lack it
    /// are left alone.
    pub fn settle(mut self, name: impl Into<String>, rule: Settle) -> Self {
        self.settle.push((name.into(), rule));
        self
    }

    /// Gives the cost of requests back whose response is a 5xx. Off by default: a refund on
    /// errors invites retry storms.
    pub fn refund_server_errors(mut self) -> Self {
        self.refund_server_errors = true;
        self
    }

    /// What becomes of a request without a key. Default: [`OnMissingKey::Reject`].
    pub fn on_missing_key(mut self, action: OnMissingKey) -> Self {
        self.on_missing_key = action;
        self
    }

    /// What becomes of a request for which the store gives no decision within the acquire's
    /// deadline. Default: [`OnUnavailable::Stored`].
    pub fn on_unavailable(mut self, action: OnUnavailable) -> Self {
        self.on_unavailable = action;
        self
    }

    /// Limits CORS preflight requests too, which pass by default.
    pub fn limit_preflights(mut self) -> Self {
        self.limit_preflights = true;
        self
    }

    /// Which limits granted responses report. Default: [`ReportLimits::All`].
    pub fn report(mut self, report: ReportLimits) -> Self {
        self.report = report;
        self
    }

    /// The policy, checked.
    ///
    /// # Errors
    /// [`InvalidPolicy`].
    pub fn build(self) -> Result<Policy, InvalidPolicy> {
        let entity = self.entity.ok_or(InvalidPolicy::NoEntity)?;
        let resource = self.resource.ok_or(InvalidPolicy::NoResource)?;
        is_name(entity.constant().map(Key::into_entity))?;
        is_name(resource.constant().map(Key::into_resource))?;
        let limits = match (self.limits.is_empty(), self.default_limits.is_empty()) {
            (false, _) => PolicyLimits::Exactly(Limits::new(self.limits)?),
            (true, false) => PolicyLimits::StoredOr(Limits::new(self.default_limits)?),
            (true, true) => PolicyLimits::Stored,
        };
        let mut rules = Rules::new(entity, resource, limits);
        for (name, tokens) in self.costs {
            let limit = rules.limits.known(name)?;
            rules.cost.set(limit, tokens);
        }
        for (name, estimate) in self.estimates {
            rules.estimates.push((rules.limits.known(name)?, estimate));
        }
        for (name, rule) in self.settle {
            rules.settle.push((rules.limits.known(name)?, rule));
        }
        rules.check_costs()?;
        rules.without_parent = self.without_parent;
        rules.prefetch = self.prefetch;
        rules.shares_lease = !self.without_handle;
        rules.refund_server_errors = self.refund_server_errors;
        rules.on_missing_key = self.on_missing_key;
        rules.on_unavailable = self.on_unavailable;
        rules.limit_preflights = self.limit_preflights;
        rules.report = self.report;
        Ok(Policy { rules: Arc::new(rules) })
    }
}

/// Refuses a constant key that no request could be charged to.
fn is_name<N>(constant: Option<Result<N, Invalid>>) -> Result<(), InvalidPolicy> {
    match constant {
        Some(Err(Invalid::Name(error))) => Err(error.into()),
        _ => Ok(()),
    }
}
