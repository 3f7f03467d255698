//! What is asked for, and which buckets it comes from.

use std::{sync::Arc, time::Duration};

use super::{
    bucket::Bucket,
    charge::{Charge, Charged, Charges, Mode, charge, denied},
    deadline::Deadline,
    gate::Gate,
    grant::{Amounts, Grant, Share, Shares},
    holding::{Holding, Holdings},
    lease::Lease,
    memory::{Memory, Pinned, Place},
    prefetch::Prefetch,
    rate_limiter::RateLimiter,
    records::{NOTHING, nothing},
    recourse::Recourse,
    resolver::{Resolution, Resolving, kept},
    share,
    waiting::Lines,
};
use crate::{
    error::{Disabled, Error, ExceedsCapacity, Invalid, Unavailable},
    model::{
        BucketKey, ConfigSource, Cost, EntityId, Limit, LimitName, LimitStatus, Limits, MILLI, Owner, ResolvedLimits,
        to_milli,
    },
    telemetry::{Begun, Watch},
};

/// The checked parts of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    subject: Subject,
    terms: Terms,
}

/// What is asked of whatever bucket it is.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    limits: Source,
    cost: Cost,
    parent: bool,
    prefetch: Option<Prefetch>,
    deadline: Deadline,
    recourse: Option<Arc<Recourse>>,
}

/// Whose bucket it is about, and how far it has been found.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Memory {
        memory: Arc<Memory>,
        place: Place,
    },
    Pinned(Arc<Pinned>),
    /// Boxed: a request is moved often.
    Gated(Box<Gated>),
}

/// A bucket of a limiter over a store.
#[derive(Clone, Debug)]
pub(super) struct Gated {
    pub(super) limiter: RateLimiter,
    pub(super) key: BucketKey,
    pub(super) gate: Option<Arc<Gate>>,
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
            Self::Gated(gated) => &gated.key,
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
            Self::Gated(mut gated) => {
                gated.gate = gated.gate.or_else(|| gated.limiter.gate(gated.key.clone()));
                Self::Gated(gated)
            }
            Self::Pinned(_) => self,
        }
    }

    fn memory(&self) -> Option<&Memory> {
        match self {
            Self::Memory { memory, .. } => Some(memory),
            Self::Pinned(pinned) => Some(&pinned.memory),
            Self::Gated(_) => None,
        }
    }

    /// What holds for an entity and the resource that is meant.
    fn resolve(&self, entity: &EntityId) -> Resolving {
        let resource = &self.key().resource;
        match self {
            Self::Memory { memory, .. } => memory.resolve(entity, resource),
            Self::Pinned(pinned) => pinned.memory.resolve(entity, resource),
            Self::Gated(gated) => gated.limiter.resolve(entity, resource),
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
            Self::Gated(gated) => gated.limiter.gated(key, limits),
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
            Self::Gated(gated) => match *gated {
                Gated { gate: Some(gate), .. } => Bucket::Gated { gate, limits },
                Gated { limiter, key, gate: None } => limiter.gated(key, limits),
            },
        }
    }
}

impl Request {
    #[inline]
    pub(super) fn new(subject: Subject, limits: Source, deadline: Deadline) -> Self {
        Self {
            subject,
            terms: Terms { limits, cost: Cost::new(), parent: true, deadline, prefetch: None, recourse: None },
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.terms.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        self.terms.deadline = deadline;
    }

    pub(super) fn set_limits<L>(&mut self, limits: L) -> Result<(), Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.terms.limits = Source::Exactly(limits.try_into().map_err(Into::into)?);
        Ok(())
    }

    pub(super) fn set_default_limits<L>(&mut self, limits: L) -> Result<(), Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        self.terms.limits = Source::StoredOr(limits.try_into().map_err(Into::into)?);
        Ok(())
    }

    pub(super) fn set_prefetch(&mut self, prefetch: Prefetch) {
        self.terms.prefetch = Some(prefetch);
    }

    pub(super) fn without_parent(&mut self) {
        self.terms.parent = false;
    }

    pub(super) fn add_cost(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        self.terms.cost.set(LimitName::new(name)?, tokens);
        Ok(())
    }

    pub(super) fn add_costs(&mut self, cost: &Cost) {
        self.terms.cost.extend(cost.iter().map(|(name, tokens)| (name.clone(), tokens)));
    }

    /// Watches it until it is decided.
    pub(super) fn watch(&self, begun: Begun) -> Watch {
        Watch::new(begun, self.subject.key(), self.subject.memory().is_some())
    }

    /// A timer for the deadline, wherever it is made.
    pub(super) fn timeout(&self) -> tokio::time::Sleep {
        self.timer(self.terms.deadline.into())
    }

    /// A timer, wherever it is made; in memory that is within a runtime.
    pub(super) fn timer(&self, time: Duration) -> tokio::time::Sleep {
        match &self.subject {
            Subject::Gated(gated) => gated.limiter.timeout(time),
            _ => tokio::time::sleep(time),
        }
    }

    pub(super) fn key(&self) -> &BucketKey {
        self.subject.key()
    }

    pub(super) fn cost(&self) -> &Cost {
        &self.terms.cost
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.subject.memory().is_some()
    }

    /// Who waits for buckets of the limiter.
    pub(super) fn lines(&self) -> &Lines {
        match &self.subject {
            Subject::Memory { memory, .. } => &memory.lines,
            Subject::Pinned(pinned) => &pinned.memory.lines,
            Subject::Gated(gated) => gated.limiter.lines(),
        }
    }

    pub(super) fn recourse(&self) -> Option<&Arc<Recourse>> {
        self.terms.recourse.as_ref()
    }

    pub(super) fn set_recourse(&mut self, recourse: Arc<Recourse>) {
        self.terms.recourse = Some(recourse);
    }

    pub(super) fn recourse_mut(&mut self) -> &mut Recourse {
        Arc::make_mut(self.terms.recourse.get_or_insert_default())
    }

    /// Asks for nothing of a limit.
    pub(super) fn leave_alone(&mut self, name: LimitName) {
        self.terms.cost.set(name, 0);
    }

    /// Refuses what no wait makes right, as far as that is known without looking anything up.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.clone().plan().map(|_| ())
    }

    /// Where the limits stand in view of the request, as far as is known without asking for its
    /// buckets.
    pub(super) async fn glance(self) -> Result<Vec<LimitStatus>, Error> {
        let charges = self.look_up(false).await?;
        let statuses = charges.iter().flat_map(|charge| {
            let owned = move |status| LimitStatus { owner: charge.owner, ..status };
            charge.bucket.glance(&charge.amounts).into_iter().map(owned)
        });
        Ok(statuses.collect())
    }

    /// Charges the local buckets of a limiter over a store, by the share of what was known last. `None`
    /// in memory.
    pub(super) fn charge_locally(&self, share: share::Share) -> Option<Result<Lease, Error>> {
        let Subject::Gated(gated) = &self.subject else { return None };
        let limiter = &gated.limiter;
        let own = limiter.last_known(&gated.key.entity, self).map(|known| known.share(share));
        let own = own.unwrap_or_else(Resolution::nothing);
        let parent = self.parent_of(&own).and_then(|parent| {
            let known = limiter.last_known(parent, self)?.share(share);
            Some((parent.clone(), Arc::new(known)))
        });
        let terms = Terms { limits: self.terms.limits.share(share), prefetch: None, ..self.terms.clone() };
        let request = Self { subject: limiter.local_subject(self), terms };
        let charged = request.charges(&own, parent, true).map(|charges| charge(charges, self.deadline()));
        Some(match charged {
            Ok(Charged::Done(result)) => result.map(|holdings| Lease::new(holdings, self.deadline())),
            // Nothing in memory waits.
            Ok(Charged::Waiting(_)) => Err(Unavailable::ShutDown.into()),
            Err(error) => Err(error),
        })
    }

    #[inline]
    pub(super) fn into_parts(self) -> (Subject, Terms) {
        (self.subject, self.terms)
    }

    #[inline]
    pub(super) fn from_parts(subject: Subject, terms: Terms) -> Self {
        Self { subject, terms }
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
    fn nothing_stored(&self) -> bool {
        (self.is_exact() && !self.terms.parent)
            || self.subject.memory().is_some_and(|memory| !memory.store.has_records())
    }

    fn is_exact(&self) -> bool {
        match self.terms.limits {
            Source::Exactly(_) => true,
            Source::Stored => matches!(self.subject, Subject::Pinned(_)),
            Source::StoredOr(_) => false,
        }
    }

    /// The same request, with the limits that it was pinned with as its own.
    fn unpinned(mut self) -> Self {
        if let (Subject::Pinned(pinned), Source::Stored) = (&self.subject, &self.terms.limits) {
            self.terms.limits = Source::Exactly(pinned.limits.clone());
        }
        self
    }

    /// Looks up as little as is needed.
    fn look(&self, entity: &EntityId) -> Resolving {
        match (&self.terms.limits, self.terms.parent) {
            (Source::Exactly(_), false) => nothing(),
            _ => self.subject.resolve(entity),
        }
    }

    fn parent_of<'a>(&self, own: &'a Resolution) -> Option<&'a EntityId> {
        own.parent.as_ref().filter(|parent| self.terms.parent && **parent != self.subject.key().entity)
    }

    #[inline]
    fn charges(
        self,
        own: &Resolution,
        parent: Option<(EntityId, Arc<Resolution>)>,
        check: bool,
    ) -> Result<Charges, Error> {
        let Self { subject, terms: Terms { limits, cost, prefetch, .. } } = self;
        let disabled = |entity: &EntityId, resolution: &Resolution| match resolution.disabled {
            true => Err(Disabled::new(entity.clone(), subject.key().resource.clone())),
            false => Ok(()),
        };
        disabled(&subject.key().entity, own)?;
        if let Some((entity, resolution)) = &parent {
            disabled(entity, resolution)?;
        }
        let shard_count = own.shard_count;
        let explicit = matches!(limits, Source::Exactly(_)) || matches!(subject, Subject::Pinned(_));
        let mode = |own: bool, resolution: &Resolution| Mode {
            known_at: if explicit { i64::MAX } else { resolution.known_at },
            own,
            lineage: resolution.lineage.clone(),
            prefetch,
        };
        let parent = match parent {
            None => None,
            Some((entity, resolution)) => {
                let (limits, own) = limits.clone().resolved(&resolution)?;
                let amounts = amounts(&cost, &limits);
                let bucket = subject.of(entity, limits);
                bucket.has_shards(resolution.shard_count);
                Some(Box::new(Charge { bucket, owner: Owner::Parent, mode: mode(own, &resolution), amounts }))
            }
        };
        let (bucket, mode) = match (subject, limits) {
            (Subject::Pinned(pinned), Source::Stored) => (Bucket::Pinned(pinned), mode(false, own)),
            (subject, limits) => {
                let (limits, owned) = limits.resolved(own)?;
                (subject.into_bucket(limits), mode(owned, own))
            }
        };
        bucket.has_shards(shard_count);
        let amounts = amounts(&cost, bucket.limits());
        let charges = Charges { own: Charge { bucket, owner: Owner::Entity, mode, amounts }, parent };
        let limits = || charges.iter().map(|charge| charge.bucket.limits());
        check_names(limits(), &cost)?;
        if check {
            let owned = charges.iter().map(|charge| (charge.owner, charge.bucket.limits()));
            check_capacities(owned, &cost, charges.own.bucket.key())?;
        }
        Ok(charges)
    }
}

impl Terms {
    /// The answer to a request for one limit, where the bucket was found in memory and nothing is
    /// stored: what nearly all are. The same as [`plan`](Request::plan) and what follows, but
    /// nothing is written before it is in its place in the lease: moving a request and a lease
    /// about costs more than deciding does.
    ///
    /// The subject is taken with an answer.
    #[inline]
    pub(super) fn answer(&mut self, subject: &mut Option<Subject>) -> Option<Result<Lease, Error>> {
        if self.recourse.is_some() {
            return None;
        }
        let (memory, entry, limits) = match (&*subject, &self.limits) {
            (
                Some(Subject::Memory { memory, place: Place::Entry(entry) }),
                Source::Exactly(limits) | Source::StoredOr(limits),
            ) => (&**memory, &**entry, limits),
            (Some(Subject::Pinned(pinned)), Source::Stored) => (&*pinned.memory, &*pinned.entry, &pinned.limits),
            _ => return None,
        };
        let ([_], true, true) = (&**limits, self.cost.is_empty(), !memory.store.has_records()) else {
            return None;
        };
        // Not named by the cost, so it is charged 1: no limit's capacity is less.
        let amount = MILLI;
        let left = match memory.store.spend_one(entry, limits, amount, memory.now()) {
            Ok(left) => left,
            Err(statuses) => {
                let error = denied(entry.key(), statuses);
                *subject = None;
                return Some(Err(error));
            }
        };
        let shares = Shares::One([Share { charged: amount, left, used: amount }]);
        let lease = |bucket| {
            let holding = Holding::new(Grant::new(bucket, shares), Owner::Entity, false);
            Some(Ok(Lease::new(Holdings::one(holding), self.deadline)))
        };
        match (subject.take(), std::mem::replace(&mut self.limits, Source::Stored)) {
            (Some(Subject::Pinned(pinned)), _) => lease(Bucket::Pinned(pinned)),
            (Some(Subject::Memory { memory, place }), Source::Exactly(limits) | Source::StoredOr(limits)) => {
                lease(Bucket::Memory { memory, place, limits })
            }
            _ => None,
        }
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
#[inline]
fn check_names<'a>(limits: impl Iterator<Item = &'a Limits> + Clone, cost: &Cost) -> Result<(), Invalid> {
    let known = |name: &LimitName| limits.clone().any(|limits| limits.index(name.as_str()).is_some());
    match cost.iter().find(|(name, _)| !known(name)) {
        Some((unknown, _)) => Err(Invalid::UnknownLimit(unknown.to_string())),
        None => Ok(()),
    }
}

/// Refuses what no wait makes fit.
#[inline]
fn check_capacities<'a>(
    mut limits: impl Iterator<Item = (Owner, &'a Limits)>,
    cost: &Cost,
    BucketKey { entity, resource, .. }: &BucketKey,
) -> Result<(), ExceedsCapacity> {
    let exceeded = |limit: &&Limit| asked(cost, limit) > limit.capacity();
    let found = limits.find_map(|(owner, limits)| Some((owner, limits.iter().find(exceeded)?)));
    match found {
        None => Ok(()),
        Some((owner, limit)) => Err(ExceedsCapacity {
            entity: entity.clone(),
            resource: resource.clone(),
            owner,
            limit: limit.name().clone(),
            requested: asked(cost, limit),
            capacity: limit.capacity(),
        }),
    }
}

async fn found(resolving: Resolving) -> Result<Arc<Resolution>, Error> {
    match resolving {
        Resolving::Known(resolution) => Ok(resolution),
        Resolving::Soon(promise) => kept(promise).await.map_err(|error| Unavailable::Store(error).into()),
    }
}
