//! What is asked for, and which buckets it comes from.

use std::sync::Arc;

use super::{
    charge::{Charge, Charges},
    grant::Amounts,
    rate_limiter::RateLimiter,
    records::nothing,
    resolver::{Resolution, Resolving, kept},
};
use crate::{
    error::{Error, ExceedsCapacity, Invalid, Unavailable},
    model::{BucketKey, ConfigSource, Cost, EntityId, Limit, LimitName, Limits, Owner, ResolvedLimits, to_milli},
};

/// The checked parts of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) key: BucketKey,
    limits: Source,
    cost: Cost,
    parent: bool,
}

/// Where the limits come from.
#[derive(Clone, Debug)]
enum Source {
    Stored,
    StoredOr(Limits),
    Exactly(Limits),
}

/// The buckets to charge, if all of them are known.
#[derive(Debug)]
pub(super) enum Planned {
    Now(Charges),
    Later,
}

impl Request {
    pub(super) fn new(key: BucketKey) -> Self {
        Self { key, limits: Source::Stored, cost: Cost::new(), parent: true }
    }

    pub(super) fn set_limits<L>(&mut self, limits: L) -> Result<(), Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.limits = Source::Exactly(limits.try_into().map_err(Into::into)?);
        Ok(())
    }

    pub(super) fn set_default_limits<L>(&mut self, limits: L) -> Result<(), Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.limits = Source::StoredOr(limits.try_into().map_err(Into::into)?);
        Ok(())
    }

    pub(super) fn without_parent(&mut self) {
        self.parent = false;
    }

    pub(super) fn add_cost(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        self.cost.set(LimitName::new(name)?, tokens);
        Ok(())
    }

    pub(super) fn add_costs(&mut self, cost: &Cost) {
        self.cost.extend(cost.iter().map(|(name, tokens)| (name.clone(), tokens)));
    }

    /// The buckets to charge, if everything is known that they depend on.
    pub(super) fn plan(&self, limiter: &RateLimiter) -> Result<Planned, Error> {
        let own = match self.look(limiter, &self.key.entity) {
            Resolving::Known(own) => own,
            Resolving::Soon(_) => return Ok(Planned::Later),
        };
        let parent = match self.parent_of(&own) {
            None => None,
            Some(parent) => match self.look(limiter, parent) {
                Resolving::Known(resolution) => Some((parent.clone(), resolution)),
                Resolving::Soon(_) => return Ok(Planned::Later),
            },
        };
        let charges = self.charges(limiter, &own, parent)?;
        self.check_capacities(&charges)?;
        Ok(Planned::Now(charges))
    }

    /// The buckets to charge, once everything is known that they depend on.
    pub(super) async fn resolve(&self, limiter: &RateLimiter) -> Result<Charges, Error> {
        let charges = self.look_up(limiter).await?;
        self.check_capacities(&charges)?;
        Ok(charges)
    }

    /// The buckets that the request is about, whether or not it could ever be granted.
    pub(super) async fn look_up(&self, limiter: &RateLimiter) -> Result<Charges, Error> {
        let own = found(self.look(limiter, &self.key.entity)).await?;
        let parent = match self.parent_of(&own) {
            None => None,
            Some(parent) => Some((parent.clone(), found(self.look(limiter, parent)).await?)),
        };
        self.charges(limiter, &own, parent)
    }

    /// Looks up as little as is needed.
    fn look(&self, limiter: &RateLimiter, entity: &EntityId) -> Resolving {
        match (&self.limits, self.parent) {
            (Source::Exactly(_), false) => nothing(),
            (Source::Exactly(_), true) => limiter.resolve_parent(entity),
            _ => limiter.resolve(entity, &self.key.resource),
        }
    }

    fn parent_of<'a>(&self, own: &'a Resolution) -> Option<&'a EntityId> {
        own.parent.as_ref().filter(|parent| self.parent && **parent != self.key.entity)
    }

    fn charges(
        &self,
        limiter: &RateLimiter,
        own: &Resolution,
        parent: Option<(EntityId, Arc<Resolution>)>,
    ) -> Result<Charges, Error> {
        let mut charges = Charges::new();
        charges.push(self.charge(limiter, self.key.clone(), Owner::Entity, own)?);
        if let Some((entity, resolution)) = &parent {
            let key = BucketKey::new(entity.clone(), self.key.resource.clone());
            charges.push(self.charge(limiter, key, Owner::Parent, resolution)?);
        }
        let known = |name: &LimitName| charges.iter().any(|charge| charge.limits.index(name.as_str()).is_some());
        match self.cost.iter().find(|(name, _)| !known(name)) {
            Some((unknown, _)) => Err(Invalid::UnknownLimit(unknown.to_string()).into()),
            None => Ok(charges),
        }
    }

    fn charge(
        &self,
        limiter: &RateLimiter,
        key: BucketKey,
        owner: Owner,
        resolution: &Resolution,
    ) -> Result<Charge, Error> {
        let ResolvedLimits { limits, source } = self.limits_of(resolution)?;
        let amounts: Amounts = limits.iter().map(|limit| to_milli(self.asked(limit))).collect();
        Ok(Charge {
            bucket: limiter.bucket(key),
            owner,
            limits,
            own: source.is_own(),
            lineage: resolution.lineage.clone(),
            amounts,
        })
    }

    /// Tokens that are asked of a limit.
    fn asked(&self, limit: &Limit) -> u64 {
        self.cost.get(limit.name().as_str()).unwrap_or(1)
    }

    /// Refuses what no wait makes fit.
    fn check_capacities(&self, charges: &Charges) -> Result<(), ExceedsCapacity> {
        let limits = charges.iter().flat_map(|charge| charge.limits.iter());
        match limits.into_iter().find(|limit| self.asked(limit) > limit.capacity()) {
            None => Ok(()),
            Some(limit) => Err(ExceedsCapacity {
                entity: self.key.entity.clone(),
                resource: self.key.resource.clone(),
                limit: limit.name().clone(),
                requested: self.asked(limit),
                capacity: limit.capacity(),
            }),
        }
    }

    fn limits_of(&self, resolution: &Resolution) -> Result<ResolvedLimits, Error> {
        let given = |limits: &Limits, source| Ok(ResolvedLimits { limits: limits.clone(), source });
        if let Source::Exactly(limits) = &self.limits {
            return given(limits, ConfigSource::Override);
        }
        if let Some(attribute) = &resolution.not_understood {
            return Err(Invalid::NotUnderstood(attribute.clone()).into());
        }
        match (&resolution.stored, &self.limits) {
            (Some(stored), _) => Ok(stored.clone()),
            (None, Source::StoredOr(limits)) => given(limits, ConfigSource::Defaults),
            (None, _) => Err(Invalid::NoLimits.into()),
        }
    }
}

async fn found(resolving: Resolving) -> Result<Arc<Resolution>, Error> {
    match resolving {
        Resolving::Known(resolution) => Ok(resolution),
        Resolving::Soon(promise) => kept(promise).await.map_err(|error| Unavailable::Store(error).into()),
    }
}
