//! What is asked for, and which buckets it comes from.

use std::{sync::Arc, time::Duration};

use super::{
    bucket::Bucket,
    charge::{Charge, Charges, Terms},
    gate::Gate,
    grant::Amounts,
    memory::{Memory, Pinned, Place},
    prefetch::Prefetch,
    rate_limiter::RateLimiter,
    records::{NOTHING, nothing},
    resolver::{Resolution, Resolving, kept},
};
use crate::{
    error::{Disabled, Error, ExceedsCapacity, Invalid, Unavailable},
    model::{BucketKey, ConfigSource, Cost, EntityId, Limit, LimitName, Limits, Owner, ResolvedLimits, to_milli},
};

/// The checked parts of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    subject: Subject,
    limits: Source,
    cost: Cost,
    parent: bool,
    prefetch: Option<Prefetch>,
}

/// Whose bucket it is about, and how far it has been found.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Memory { memory: Arc<Memory>, place: Place },
    Pinned(Arc<Pinned>),
    Gated { limiter: RateLimiter, key: BucketKey, gate: Option<Arc<Gate>> },
}

/// Where the limits come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// What is stored; or what the subject was pinned with.
    Stored,
    StoredOr(Limits),
    Exactly(Limits),
}

/// The buckets to charge, if all of them are known.
#[derive(Debug)]
pub(super) enum Planned {
    Now(Charges),
    /// Something has to be looked up for the request.
    Later(Request),
}

impl Subject {
    pub(super) fn key(&self) -> &BucketKey {
        match self {
            Self::Memory { place, .. } => place.key(),
            Self::Pinned(pinned) => pinned.entry.key(),
            Self::Gated { key, .. } => key,
        }
    }

    /// The same, found for good as far as possible.
    pub(super) fn found(self) -> Self {
        match self {
            Self::Memory { memory, mut place } => {
                // A store that is full of buckets in use has no place for it: it is looked up each time.
                let _ = place.claim(&memory, memory.now());
                Self::Memory { memory, place }
            }
            Self::Gated { limiter, key, gate } => {
                let gate = gate.or_else(|| limiter.gate(key.clone()));
                Self::Gated { limiter, key, gate }
            }
            Self::Pinned(_) => self,
        }
    }

    fn memory(&self) -> Option<&Memory> {
        match self {
            Self::Memory { memory, .. } => Some(memory),
            Self::Pinned(pinned) => Some(&pinned.memory),
            Self::Gated { .. } => None,
        }
    }

    /// What holds for an entity and the resource that is meant.
    fn resolve(&self, entity: &EntityId) -> Resolving {
        let resource = &self.key().resource;
        match self {
            Self::Memory { memory, .. } => memory.resolve(entity, resource),
            Self::Pinned(pinned) => pinned.memory.resolve(entity, resource),
            Self::Gated { limiter, .. } => limiter.resolve(entity, resource),
        }
    }

    /// The bucket of the same resource of another entity.
    fn of(&self, entity: EntityId, limits: Limits) -> Bucket {
        let key = BucketKey::new(entity, self.key().resource.clone());
        match self {
            Self::Memory { memory, .. } => Bucket::Memory { memory: memory.clone(), place: memory.place(key), limits },
            Self::Pinned(pinned) => {
                let memory = pinned.memory.clone();
                Bucket::Memory { place: memory.place(key), memory, limits }
            }
            Self::Gated { limiter, .. } => limiter.gated(key, limits),
        }
    }

    /// The bucket that is meant.
    #[inline]
    fn into_bucket(self, limits: Limits) -> Bucket {
        match self {
            Self::Memory { memory, place } => Bucket::Memory { memory, place, limits },
            Self::Pinned(pinned) => {
                let (memory, place) = (pinned.memory.clone(), Place::Entry(pinned.entry.clone()));
                Bucket::Memory { memory, place, limits }
            }
            Self::Gated { gate: Some(gate), .. } => Bucket::Gated { gate, limits },
            Self::Gated { limiter, key, gate: None } => limiter.gated(key, limits),
        }
    }
}

impl Request {
    #[inline]
    pub(super) fn new(subject: Subject, limits: Source) -> Self {
        Self { subject, limits, cost: Cost::new(), parent: true, prefetch: None }
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

    pub(super) fn set_prefetch(&mut self, prefetch: Prefetch) {
        self.prefetch = Some(prefetch);
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

    /// A timer, wherever it is made.
    pub(super) fn timeout(&self, time: Duration) -> tokio::time::Sleep {
        match &self.subject {
            Subject::Gated { limiter, .. } => limiter.timeout(time),
            _ => tokio::time::sleep(time),
        }
    }

    /// The buckets to charge, if everything is known that they depend on.
    #[inline]
    pub(super) fn plan(self) -> Result<Planned, Error> {
        match self.nothing_stored() {
            true => self.charges(&NOTHING, None, true).map(Planned::Now),
            false => self.unpinned().plan_stored(),
        }
    }

    fn plan_stored(self) -> Result<Planned, Error> {
        let own = match self.look(&self.subject.key().entity) {
            Resolving::Known(own) => own,
            Resolving::Soon(_) => return Ok(Planned::Later(self)),
        };
        let parent = match self.parent_of(&own) {
            None => None,
            Some(parent) => match self.look(parent) {
                Resolving::Known(resolution) => Some((parent.clone(), resolution)),
                Resolving::Soon(_) => return Ok(Planned::Later(self)),
            },
        };
        self.charges(&own, parent, true).map(Planned::Now)
    }

    /// The buckets that the request is about, once everything is known that they depend on. With
    /// `check`, what no wait makes fit is refused.
    pub(super) async fn look_up(self, check: bool) -> Result<Charges, Error> {
        let request = self.unpinned();
        let own = found(request.look(&request.subject.key().entity)).await?;
        let parent = match request.parent_of(&own) {
            None => None,
            Some(parent) => Some((parent.clone(), found(request.look(parent)).await?)),
        };
        request.charges(&own, parent, check)
    }

    /// Whether there is nothing to go by but the request's own limits.
    #[inline]
    fn nothing_stored(&self) -> bool {
        (self.is_exact() && !self.parent) || self.subject.memory().is_some_and(|memory| !memory.store.has_records())
    }

    fn is_exact(&self) -> bool {
        match self.limits {
            Source::Exactly(_) => true,
            Source::Stored => matches!(self.subject, Subject::Pinned(_)),
            Source::StoredOr(_) => false,
        }
    }

    /// The same request, with the limits that it was pinned with as its own.
    fn unpinned(mut self) -> Self {
        if let (Subject::Pinned(pinned), Source::Stored) = (&self.subject, &self.limits) {
            self.limits = Source::Exactly(pinned.limits.clone());
        }
        self
    }

    /// Looks up as little as is needed.
    fn look(&self, entity: &EntityId) -> Resolving {
        match (&self.limits, self.parent) {
            (Source::Exactly(_), false) => nothing(),
            _ => self.subject.resolve(entity),
        }
    }

    fn parent_of<'a>(&self, own: &'a Resolution) -> Option<&'a EntityId> {
        own.parent.as_ref().filter(|parent| self.parent && **parent != self.subject.key().entity)
    }

    #[inline]
    fn charges(
        self,
        own: &Resolution,
        parent: Option<(EntityId, Arc<Resolution>)>,
        check: bool,
    ) -> Result<Charges, Error> {
        let Self { subject, limits, cost, prefetch, .. } = self;
        let disabled = |entity: &EntityId, resolution: &Resolution| match resolution.disabled {
            true => Err(Disabled::new(entity.clone(), subject.key().resource.clone())),
            false => Ok(()),
        };
        disabled(&subject.key().entity, own)?;
        if let Some((entity, resolution)) = &parent {
            disabled(entity, resolution)?;
        }
        let shard_count = own.shard_count;
        let terms = |own: bool, resolution: &Resolution| Terms { own, lineage: resolution.lineage.clone(), prefetch };
        let parent = match parent {
            None => None,
            Some((entity, resolution)) => {
                let (limits, own) = limits.clone().resolved(&resolution)?;
                let amounts = amounts(&cost, &limits);
                let bucket = subject.of(entity, limits);
                bucket.has_shards(resolution.shard_count);
                Some(Box::new(Charge { bucket, owner: Owner::Parent, terms: terms(own, &resolution), amounts }))
            }
        };
        let (bucket, terms) = match (subject, limits) {
            (Subject::Pinned(pinned), Source::Stored) => (Bucket::Pinned(pinned), terms(false, own)),
            (subject, limits) => {
                let (limits, owned) = limits.resolved(own)?;
                (subject.into_bucket(limits), terms(owned, own))
            }
        };
        bucket.has_shards(shard_count);
        let amounts = amounts(&cost, bucket.limits());
        let charges = Charges { own: Charge { bucket, owner: Owner::Entity, terms, amounts }, parent };
        check_names(&charges, &cost)?;
        if check {
            check_capacities(&charges, &cost)?;
        }
        Ok(charges)
    }
}

impl Source {
    /// The limits that hold, and whether they are the entity's own.
    #[inline]
    fn resolved(self, resolution: &Resolution) -> Result<(Limits, bool), Error> {
        if let Self::Exactly(limits) = self {
            return Ok((limits, ConfigSource::Override.is_own()));
        }
        if let Some(attribute) = &resolution.not_understood {
            return Err(Invalid::NotUnderstood(attribute.clone()).into());
        }
        match (&resolution.stored, self) {
            (Some(ResolvedLimits { limits, source }), _) => Ok((limits.clone(), source.is_own())),
            (None, Self::StoredOr(limits)) => Ok((limits, ConfigSource::Defaults.is_own())),
            (None, _) => Err(Invalid::NoLimits.into()),
        }
    }
}

/// Tokens that are asked of a limit.
#[inline]
fn asked(cost: &Cost, limit: &Limit) -> u64 {
    cost.get(limit.name().as_str()).unwrap_or(1)
}

#[inline]
fn amounts(cost: &Cost, limits: &Limits) -> Amounts {
    limits.iter().map(|limit| to_milli(asked(cost, limit))).collect()
}

/// Refuses a cost of a limit that no bucket has.
fn check_names(charges: &Charges, cost: &Cost) -> Result<(), Invalid> {
    let known = |name: &LimitName| charges.iter().any(|charge| charge.bucket.limits().index(name.as_str()).is_some());
    match cost.iter().find(|(name, _)| !known(name)) {
        Some((unknown, _)) => Err(Invalid::UnknownLimit(unknown.to_string())),
        None => Ok(()),
    }
}

/// Refuses what no wait makes fit.
fn check_capacities(charges: &Charges, cost: &Cost) -> Result<(), ExceedsCapacity> {
    let mut limits = charges.iter().flat_map(|charge| charge.bucket.limits().iter());
    match limits.find(|limit| asked(cost, limit) > limit.capacity()) {
        None => Ok(()),
        Some(limit) => {
            let BucketKey { entity, resource, .. } = charges.own.bucket.key();
            Err(ExceedsCapacity {
                entity: entity.clone(),
                resource: resource.clone(),
                limit: limit.name().clone(),
                requested: asked(cost, limit),
                capacity: limit.capacity(),
            })
        }
    }
}

async fn found(resolving: Resolving) -> Result<Arc<Resolution>, Error> {
    match resolving {
        Resolving::Known(resolution) => Ok(resolution),
        Resolving::Soon(promise) => kept(promise).await.map_err(|error| Unavailable::Store(error).into()),
    }
}
