//! Turns a request into the charges of its buckets: looks up the limits and the parent, and checks
//! the cost.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    error::{Disabled, Error, ExceedsCapacity, Invalid},
    limiter::{
        bucket::{Bucket, LimitsRef, MemoryBucket},
        lease::charge::{Charge, Charges},
        request::{LimitsSource, Request, RequestOptions, Target, also::Requests},
        resolver::{NOTHING, Resolution, Resolving, nothing},
        terms::{Amounts, ChargeContext, ConfigVersion, KnownFlags, Patience, Started},
    },
    model::{
        ConfigSource, Cost, EntityId, KeyParts, Limit, LimitName, Limits, Owner, ResolvedLimits,
        to_milli,
    },
};

impl Request {
    /// Returns the charges if everything that they depend on is known. Otherwise returns the
    /// request, for which something must be looked up.
    #[inline]
    pub(super) fn plan(self) -> Result<Started<Charges, Self>, Error> {
        if self.options.also.is_some() {
            return self.plan_several();
        }
        if self.nothing_stored() {
            self.charges(&NOTHING, None, true).map(Started::Now)
        } else {
            self.unpinned().plan_stored()
        }
    }

    fn plan_stored(self) -> Result<Started<Charges, Self>, Error> {
        let own = match self.look(self.target.key().entity) {
            Resolving::Known(own) => own,
            Resolving::Soon(_) => return Ok(Started::Later(self)),
        };
        let parent = match self.parent_of(&own) {
            None => None,
            Some(parent) => match self.look(parent) {
                Resolving::Known(resolution) => Some((parent.clone(), resolution)),
                Resolving::Soon(_) => return Ok(Started::Later(self)),
            },
        };
        self.charges(&own, parent, true).map(Started::Now)
    }

    /// Looks up everything that the charges depend on, and returns them. With `check`, refuses a
    /// cost that can never be granted.
    pub(crate) async fn look_up(self, check: bool) -> Result<Charges, Error> {
        let requests: Requests = self.split().into_iter().map(Self::unpinned).collect();
        // All look-ups begin before the first one is awaited.
        let owns: SmallVec<[_; 1]> = requests
            .iter()
            .map(|request| request.look(request.target.key().entity))
            .collect();
        let mut found: SmallVec<[_; 1]> = SmallVec::new();
        for (request, own) in requests.into_iter().zip(owns) {
            let own = own.found().await?;
            let parent = request
                .parent_of(&own)
                .map(|parent| (parent.clone(), request.look(parent)));
            found.push((request, own, parent));
        }
        let mut all: SmallVec<[_; 1]> = SmallVec::new();
        for (request, own, parent) in found {
            let parent = match parent {
                None => None,
                Some((entity, parent)) => Some((entity, parent.found().await?)),
            };
            all.push(request.charges(&own, parent, check));
        }
        Charges::combined(all)
    }

    /// Returns `true` if only the request's own limits matter, and nothing stored.
    fn nothing_stored(&self) -> bool {
        (self.is_exact() && !self.options.parent)
            || self.target.home().is_some_and(|home| !home.has_records())
    }

    fn is_exact(&self) -> bool {
        match self.options.limits {
            LimitsSource::Exactly(_) => true,
            LimitsSource::Stored => matches!(self.target, Target::Pinned(_)),
            LimitsSource::StoredOr(_) => false,
        }
    }

    /// Turns pinned limits into limits of the request.
    fn unpinned(mut self) -> Self {
        if let (Target::Pinned(pinned), LimitsSource::Stored) = (&self.target, &self.options.limits)
        {
            self.options.limits = LimitsSource::Exactly(LimitsRef::These(pinned.limits.clone()));
        }
        self
    }

    /// Looks up the entity unless the request needs nothing stored.
    fn look(&self, entity: &EntityId) -> Resolving {
        match (&self.options.limits, self.options.parent) {
            (LimitsSource::Exactly(_), false) => nothing(),
            _ => self.target.resolve(entity),
        }
    }

    pub(super) fn parent_of<'a>(&self, own: &'a Resolution) -> Option<&'a EntityId> {
        own.parent
            .as_ref()
            .filter(|parent| self.options.parent && *parent != self.target.key().entity)
    }

    #[inline]
    pub(super) fn charges(
        self,
        own: &Resolution,
        parent: Option<(EntityId, Arc<Resolution>)>,
        check: bool,
    ) -> Result<Charges, Error> {
        let now = self.options.patience.map_or(0, |_| self.now());
        let Self {
            target,
            options:
                RequestOptions {
                    limits,
                    cost,
                    patience,
                    fallback,
                    ..
                },
        } = self;
        let (prefetch, in_one_transaction) = match &target {
            Target::Gated(gated)
                if gated.in_one_transaction && (parent.is_some() || gated.is_one_of_several) =>
            {
                (None, true)
            }
            Target::Gated(gated) => (gated.prefetch, false),
            _ => (None, false),
        };
        let disabled = |entity: &EntityId, resolution: &Resolution| match resolution.disabled {
            Some(level) => {
                let resource = target.key().resource.clone();
                Err(Disabled::new(entity.clone(), resource, level))
            }
            None => Ok(()),
        };
        disabled(target.key().entity, own)?;
        if let Some((entity, resolution)) = &parent {
            disabled(entity, resolution)?;
        }
        let shard_count = own.shard_count;
        let explicit =
            matches!(limits, LimitsSource::Exactly(_)) || matches!(target, Target::Pinned(_));
        // No request waits for limits that only observe.
        let observes = |limit: &Limit| {
            fallback
                .as_ref()
                .is_some_and(|fallback| fallback.shadow.covers(limit.name()))
        };
        let patience = |limits: &Limits| {
            let most = patience?;
            let debt = |limit: &Limit| {
                if observes(limit) || limit.is_soft() {
                    0
                } else {
                    limit.refill_in(most, now)
                }
            };
            Some(Box::new(Patience {
                most,
                debts: limits.iter().map(debt).collect(),
            }))
        };
        let context = |own: bool, resolution: &Resolution, limits: &Limits| ChargeContext {
            version: if explicit {
                ConfigVersion::NEWEST
            } else {
                resolution.version
            },
            own,
            flags: KnownFlags {
                bypassed: resolution.bypassed,
                soft: resolution.has_soft && !explicit,
                looked_at: resolution.looked_at,
            },
            lineage: resolution.lineage.clone(),
            prefetch,
            in_one_transaction,
            is_top_up: false,
            patience: patience(limits),
        };
        let parent = match parent {
            None => None,
            Some((entity, resolution)) => {
                let (limits, own) = limits.clone().resolved(&resolution)?;
                let limits = target.limits(&limits).clone();
                let amounts = amounts(&cost, &limits);
                let bucket = target.other(entity, limits)?;
                bucket.has_shards(resolution.shard_count);
                let context = context(own, &resolution, bucket.limits());
                Some(Charge {
                    bucket,
                    owner: Owner::Parent,
                    context,
                    amounts,
                })
            }
        };
        let (bucket, context) = match (target, limits) {
            (Target::Pinned(pinned), LimitsSource::Stored) => {
                let context = context(false, own, &pinned.limits);
                (Bucket::Memory(MemoryBucket::Pinned(pinned)), context)
            }
            (target, limits) => {
                let (limits, owned) = limits.resolved(own)?;
                let bucket = target.into_bucket(limits);
                let context = context(owned, own, bucket.limits());
                (bucket, context)
            }
        };
        bucket.has_shards(shard_count);
        let amounts = amounts(&cost, bucket.limits());
        let charges = Charges {
            own: Charge {
                bucket,
                owner: Owner::Entity,
                context,
                amounts,
            },
            others: parent.into_iter().collect(),
        };
        let limits = || charges.iter().map(|charge| charge.bucket.limits());
        check_names(limits(), &cost)?;
        if check {
            check_capacities(&charges, &cost)?;
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
pub(super) fn asked(cost: &Cost, limit: &Limit) -> u64 {
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
fn check_capacities(charges: &Charges, cost: &Cost) -> Result<(), ExceedsCapacity> {
    let exceeded = |charge: &Charge, limit: &Limit| {
        let asked = asked(cost, limit);
        asked > limit.greatest_capacity()
            && !limit.is_soft()
            && !charge.bucket.is_topped_up(limit, asked)
    };
    let charged = charges
        .iter()
        .filter(|charge| !charge.context.flags.bypassed);
    let found = charged.into_iter().find_map(|charge| {
        let mut limits = charge.bucket.limits().iter();
        Some((charge.owner, limits.find(|limit| exceeded(charge, limit))?))
    });
    let KeyParts {
        entity, resource, ..
    } = charges.own.bucket.key();
    match found {
        None => Ok(()),
        Some((owner, limit)) => Err(ExceedsCapacity {
            entity: entity.clone(),
            resource: resource.clone(),
            owner,
            limit: limit.name().clone(),
            requested: asked(cost, limit),
            capacity: limit.greatest_capacity(),
        }),
    }
}
