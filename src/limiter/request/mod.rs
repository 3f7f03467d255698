//! A request for tokens, and the buckets that it charges.
//!
//! [`target`] finds the bucket. [`in_memory`] decides requests for which nothing has to be looked
//! up.

mod ask;
mod attempt;
mod future;
mod in_memory;
mod local_limits;
mod progress;
mod start;
mod target;
mod waiting;

use std::{sync::Arc, time::Duration};

use crate::{
    error::{Disabled, Error, ExceedsCapacity, Invalid, Unavailable},
    limiter::{
        bucket::{Bucket, LimitsRef, MemoryBucket},
        lease::charge::{Charge, Charges},
        resolver::{NOTHING, Resolution, Resolving, nothing},
        runtime::{Timeout, Timer},
        terms::{Amounts, ChargeContext, Deadline, FallbackOptions, Patience, Prefetch, Shadow},
    },
    model::{
        ConfigSource, Cost, EntityId, IntoLimits, InvalidLimits, KeyParts, Limit, LimitName,
        LimitStatus, Limits, Owner, ResolvedLimits, to_milli,
    },
    store::Waiters,
    telemetry::{Begun, ObservedAcquire},
};

pub(super) use crate::limiter::request::target::Target;
pub use future::AcquireFuture;
pub(crate) use future::Started;

/// A request whose arguments were checked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    subject: Target,
    terms: Terms,
}

/// The terms of a request, which do not depend on the bucket.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    limits: LimitsSource,
    cost: Cost,
    parent: bool,
    deadline: Deadline,
    recourse: Option<Arc<FallbackOptions>>,
    /// The time in ms for which the request waits until the debt that it leaves is refilled.
    patience: Option<i64>,
}

/// The source of the limits.
#[derive(Clone, Debug)]
pub(super) enum LimitsSource {
    /// The stored limits, or those that a handle has pinned.
    Stored,
    StoredOr(LimitsRef),
    Exactly(LimitsRef),
}

/// The buckets to charge, if all of them are known.
#[derive(Debug)]
pub(super) enum ChargePlan {
    Now(Charges),
    /// Something must be looked up first.
    Later(Request),
}

impl Request {
    #[inline]
    pub(super) fn new(subject: Target, limits: LimitsSource, deadline: Deadline) -> Self {
        Self {
            subject,
            terms: Terms {
                limits,
                cost: Cost::new(),
                parent: true,
                deadline,
                recourse: None,
                patience: None,
            },
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.terms.deadline
    }

    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        self.terms.deadline = deadline;
    }

    #[inline]
    pub(super) fn set_limits(&mut self, limits: impl IntoLimits) -> Result<(), InvalidLimits> {
        self.terms.limits = LimitsSource::Exactly(self.subject.brought(limits)?);
        Ok(())
    }

    #[inline]
    pub(super) fn set_default_limits(
        &mut self,
        limits: impl IntoLimits,
    ) -> Result<(), InvalidLimits> {
        self.terms.limits = LimitsSource::StoredOr(self.subject.brought(limits)?);
        Ok(())
    }

    /// In memory there is nothing to prefetch.
    pub(super) fn set_prefetch(&mut self, prefetch: Prefetch) {
        if let Target::Gated(gated) = &mut self.subject {
            gated.prefetch = Some(prefetch);
        }
    }

    /// In memory both buckets are always charged at once.
    pub(super) fn set_together(&mut self) {
        if let Target::Gated(gated) = &mut self.subject {
            gated.together = true;
        }
    }

    pub(super) fn without_parent(&mut self) {
        self.terms.parent = false;
    }

    pub(super) fn add_cost(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        self.terms.cost.set(LimitName::new(name)?, tokens);
        Ok(())
    }

    pub(super) fn add_costs(&mut self, cost: &Cost) {
        self.terms
            .cost
            .extend(cost.iter().map(|(name, tokens)| (name.clone(), tokens)));
    }

    /// Starts to watch the request until it is decided.
    pub(super) fn watch(&self, begun: Begun) -> ObservedAcquire {
        let observed = self
            .recourse()
            .is_some_and(|recourse| matches!(recourse.shadow, Shadow::All));
        ObservedAcquire::new(
            begun,
            self.subject.key(),
            self.subject.home().is_some(),
            observed,
        )
    }

    /// Returns a timeout for the deadline. In memory there is none, because nothing is waited for.
    pub(super) fn timeout(&self) -> Option<Timeout> {
        self.timeout_in(self.terms.deadline.into())
    }

    /// Returns a timeout that ends after `time`. In memory there is none.
    pub(super) fn timeout_in(&self, time: Duration) -> Option<Timeout> {
        match &self.subject {
            Target::Gated(gated) => gated.engine.late(time),
            _ => None,
        }
    }

    /// Returns a timer that ends after `time`. In memory there is none.
    pub(super) fn timer_in(&self, time: Duration) -> Option<Timer> {
        match &self.subject {
            Target::Gated(gated) => gated.engine.timer(time),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn key(&self) -> KeyParts<'_> {
        self.subject.key()
    }

    /// Records that the deadline has passed before the limits were looked up.
    pub(super) fn missed_deadline(&self) -> Unavailable {
        if let Target::Gated(gated) = &self.subject {
            gated.engine.missed_deadline();
        }
        Unavailable::Deadline
    }

    /// Sets how long the request waits until the debt that it leaves is refilled.
    pub(super) fn set_patience(&mut self, most: Duration) {
        self.terms.patience = Some(i64::try_from(most.as_millis()).unwrap_or(i64::MAX));
    }

    /// Returns how long the request waits until the debt that it leaves is refilled.
    pub(super) fn longest_wait(&self) -> Duration {
        Duration::from_millis(
            self.terms
                .patience
                .and_then(|most| u64::try_from(most).ok())
                .unwrap_or(0),
        )
    }

    /// Returns the requests that wait for buckets of the limiter.
    pub(super) fn waiters(&self) -> &Arc<Waiters> {
        match &self.subject {
            Target::Memory(place) => place.home().waiters(),
            Target::Pinned(pinned) => pinned.home.waiters(),
            Target::Gated(gated) => gated.engine.waiters(),
        }
    }

    /// Returns the time in epoch ms.
    pub(super) fn now(&self) -> i64 {
        match &self.subject {
            Target::Memory(place) => place.home().now(),
            Target::Pinned(pinned) => pinned.home.now(),
            Target::Gated(gated) => gated.engine.now(),
        }
    }

    pub(super) fn recourse(&self) -> Option<&Arc<FallbackOptions>> {
        self.terms.recourse.as_ref()
    }

    pub(super) fn set_recourse(&mut self, recourse: Arc<FallbackOptions>) {
        self.terms.recourse = Some(recourse);
    }

    pub(super) fn recourse_mut(&mut self) -> &mut FallbackOptions {
        Arc::make_mut(self.terms.recourse.get_or_insert_default())
    }

    /// Sets the cost of a limit to zero.
    pub(super) fn leave_alone(&mut self, name: LimitName) {
        self.terms.cost.set(name, 0);
    }

    /// Returns the statuses of the limits for the request, as far as they are known without asking
    /// the buckets.
    pub(super) async fn glance(self) -> Result<Vec<LimitStatus>, Error> {
        let charges = self.look_up(false).await?;
        let statuses = charges.iter().flat_map(|charge| {
            let owned = move |status| LimitStatus {
                owner: charge.owner,
                ..status
            };
            charge.bucket.glance(&charge.amounts).into_iter().map(owned)
        });
        Ok(statuses.collect())
    }

    /// Returns the buckets to charge, if all that they depend on is known.
    #[inline]
    pub(super) fn plan(self) -> Result<ChargePlan, Error> {
        if self.nothing_stored() {
            self.charges(&NOTHING, None, true).map(ChargePlan::Now)
        } else {
            self.unpinned().plan_stored()
        }
    }

    fn plan_stored(self) -> Result<ChargePlan, Error> {
        let own = match self.look(self.subject.key().entity) {
            Resolving::Known(own) => own,
            Resolving::Soon(_) => return Ok(ChargePlan::Later(self)),
        };
        let parent = match self.parent_of(&own) {
            None => None,
            Some(parent) => match self.look(parent) {
                Resolving::Known(resolution) => Some((parent.clone(), resolution)),
                Resolving::Soon(_) => return Ok(ChargePlan::Later(self)),
            },
        };
        self.charges(&own, parent, true).map(ChargePlan::Now)
    }

    /// Looks up all that the buckets depend on, and returns the buckets. With `check`, refuses a
    /// cost that can never be granted.
    pub(super) async fn look_up(self, check: bool) -> Result<Charges, Error> {
        let request = self.unpinned();
        let own = request.look(request.subject.key().entity).found().await?;
        let parent = match request.parent_of(&own) {
            None => None,
            Some(parent) => Some((parent.clone(), request.look(parent).found().await?)),
        };
        request.charges(&own, parent, check)
    }

    /// Returns `true` if only the request's own limits matter, and nothing stored.
    fn nothing_stored(&self) -> bool {
        (self.is_exact() && !self.terms.parent)
            || self.subject.home().is_some_and(|home| !home.has_records())
    }

    fn is_exact(&self) -> bool {
        match self.terms.limits {
            LimitsSource::Exactly(_) => true,
            LimitsSource::Stored => matches!(self.subject, Target::Pinned(_)),
            LimitsSource::StoredOr(_) => false,
        }
    }

    /// Turns pinned limits into limits of the request.
    fn unpinned(mut self) -> Self {
        if let (Target::Pinned(pinned), LimitsSource::Stored) = (&self.subject, &self.terms.limits)
        {
            self.terms.limits = LimitsSource::Exactly(LimitsRef::These(pinned.limits.clone()));
        }
        self
    }

    /// Looks up the entity unless the request needs nothing stored.
    fn look(&self, entity: &EntityId) -> Resolving {
        match (&self.terms.limits, self.terms.parent) {
            (LimitsSource::Exactly(_), false) => nothing(),
            _ => self.subject.resolve(entity),
        }
    }

    fn parent_of<'a>(&self, own: &'a Resolution) -> Option<&'a EntityId> {
        own.parent
            .as_ref()
            .filter(|parent| self.terms.parent && *parent != self.subject.key().entity)
    }

    #[inline]
    fn charges(
        self,
        own: &Resolution,
        parent: Option<(EntityId, Arc<Resolution>)>,
        check: bool,
    ) -> Result<Charges, Error> {
        let Self {
            subject,
            terms:
                Terms {
                    limits,
                    cost,
                    patience,
                    recourse,
                    ..
                },
        } = self;
        let (prefetch, together) = match &subject {
            Target::Gated(gated) if gated.together && parent.is_some() => (None, true),
            Target::Gated(gated) => (gated.prefetch, false),
            _ => (None, false),
        };
        let disabled = |entity: &EntityId, resolution: &Resolution| {
            if resolution.disabled {
                Err(Disabled::new(
                    entity.clone(),
                    subject.key().resource.clone(),
                ))
            } else {
                Ok(())
            }
        };
        disabled(subject.key().entity, own)?;
        if let Some((entity, resolution)) = &parent {
            disabled(entity, resolution)?;
        }
        let shard_count = own.shard_count;
        let explicit =
            matches!(limits, LimitsSource::Exactly(_)) || matches!(subject, Target::Pinned(_));
        // No request waits for limits that only observe.
        let observes = |limit: &Limit| {
            recourse
                .as_ref()
                .is_some_and(|recourse| recourse.shadow.covers(limit.name()))
        };
        let patience = |limits: &Limits| {
            let most = patience?;
            let debt = |limit: &Limit| {
                if observes(limit) {
                    0
                } else {
                    limit.refill_in(most)
                }
            };
            Some(Box::new(Patience {
                most,
                debts: limits.iter().map(debt).collect(),
            }))
        };
        let mode = |own: bool, resolution: &Resolution, limits: &Limits| ChargeContext {
            known_at: if explicit {
                i64::MAX
            } else {
                resolution.known_at
            },
            own,
            lineage: resolution.lineage.clone(),
            prefetch,
            together,
            is_top_up: false,
            patience: patience(limits),
        };
        let parent = match parent {
            None => None,
            Some((entity, resolution)) => {
                let (limits, own) = limits.clone().resolved(&resolution)?;
                let limits = subject.limits(&limits).clone();
                let amounts = amounts(&cost, &limits);
                let bucket = subject.other(entity, limits)?;
                bucket.has_shards(resolution.shard_count);
                let mode = mode(own, &resolution, bucket.limits());
                Some(Box::new(Charge {
                    bucket,
                    owner: Owner::Parent,
                    mode,
                    amounts,
                }))
            }
        };
        let (bucket, mode) = match (subject, limits) {
            (Target::Pinned(pinned), LimitsSource::Stored) => {
                let mode = mode(false, own, &pinned.limits);
                (Bucket::Memory(MemoryBucket::Pinned(pinned)), mode)
            }
            (subject, limits) => {
                let (limits, owned) = limits.resolved(own)?;
                let bucket = subject.into_bucket(limits);
                let mode = mode(owned, own, bucket.limits());
                (bucket, mode)
            }
        };
        bucket.has_shards(shard_count);
        let amounts = amounts(&cost, bucket.limits());
        let charges = Charges {
            own: Charge {
                bucket,
                owner: Owner::Entity,
                mode,
                amounts,
            },
            parent,
        };
        let limits = || charges.iter().map(|charge| charge.bucket.limits());
        check_names(limits(), &cost)?;
        if check {
            let owned = charges
                .iter()
                .map(|charge| (charge.owner, charge.bucket.limits()));
            check_capacities(owned, &cost, charges.own.bucket.key())?;
        }
        Ok(charges)
    }
}

impl LimitsSource {
    /// Returns the limits that apply, and `true` if they are the entity's own.
    #[inline]
    fn resolved(self, resolution: &Resolution) -> Result<(LimitsRef, bool), Error> {
        if let Self::Exactly(limits) = self {
            return Ok((limits, ConfigSource::Override.is_own()));
        }
        if let Some(attribute) = &resolution.not_understood {
            return Err(Invalid::NotUnderstood(attribute.clone()).into());
        }
        match (&resolution.stored, self) {
            (Some(ResolvedLimits { limits, source }), _) => {
                Ok((LimitsRef::These(limits.clone()), source.is_own()))
            }
            (None, Self::StoredOr(limits)) => Ok((limits, ConfigSource::Defaults.is_own())),
            (None, _) => Err(Invalid::NoLimits.into()),
        }
    }
}

/// Returns the tokens that the request asks of a limit.
#[inline]
fn asked(cost: &Cost, limit: &Limit) -> u64 {
    cost.get(limit.name().as_str()).unwrap_or(1)
}

#[inline]
fn amounts(cost: &Cost, limits: &Limits) -> Amounts {
    limits
        .iter()
        .map(|limit| to_milli(asked(cost, limit)))
        .collect()
}

/// Refuses a cost that names a limit that no bucket has.
#[inline]
fn check_names<'a>(
    limits: impl Iterator<Item = &'a Limits> + Clone,
    cost: &Cost,
) -> Result<(), Invalid> {
    let known = |name: &LimitName| {
        limits
            .clone()
            .any(|limits| limits.index(name.as_str()).is_some())
    };
    match cost.iter().find(|(name, _)| !known(name)) {
        Some((unknown, _)) => Err(Invalid::UnknownLimit(unknown.to_string())),
        None => Ok(()),
    }
}

/// Refuses a cost that can never be granted.
#[inline]
fn check_capacities<'a>(
    mut limits: impl Iterator<Item = (Owner, &'a Limits)>,
    cost: &Cost,
    KeyParts {
        entity, resource, ..
    }: KeyParts<'_>,
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
