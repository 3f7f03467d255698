//! Decisions that are made at once, because the bucket is in memory and nothing is stored.

use std::sync::Arc;

use crate::{
    error::Error,
    limiter::{
        bucket::{
            Bucket, Charged, Grant, GrantedResources, Grants, LimitsRef, MemoryCharge, MemoryPlace,
        },
        engine::{Backend, Engine},
        lease::{InlineBucket, InlineLease, Lease},
        request::{LimitsSource, Request, Target, resolve::asked},
        terms::{DEFAULT_COST, LimitShare, Shares},
    },
    model::{Cost, Denied, Limit, LimitName, Limits, Owner, Resource, to_milli},
    telemetry::{self, Begun},
};

impl Request {
    /// Decides the simplest requests: the bucket is in memory, its one limit is the one that it was
    /// made with or that a handle pins, no cost is named and nothing is stored. Nearly all requests
    /// of a limiter in memory are like that. The decision is that of [`plan`](Self::plan) and the
    /// charge after it. Returns the tokens that are left (millitokens), from which
    /// [`grant`](Self::grant) makes the lease.
    #[inline]
    pub(crate) fn decide(&self) -> Option<Result<i64, Box<Denied>>> {
        if self.options.fallback.is_some()
            || !self.options.cost.is_empty()
            || self.options.also.is_some()
        {
            return None;
        }
        match (&self.target, &self.options.limits) {
            (
                Target::Memory(MemoryPlace::Entry(entry)),
                LimitsSource::Exactly(LimitsRef::Known) | LimitsSource::StoredOr(LimitsRef::Known),
            ) => entry.spend_one(entry.home(), entry.limits(), DEFAULT_COST),
            (Target::Pinned(pinned), LimitsSource::Stored) => {
                pinned
                    .entry
                    .spend_one(&pinned.home, &pinned.limits, DEFAULT_COST)
            }
            _ => None,
        }
    }

    /// Returns the lease that [`decide`](Self::decide) has granted.
    #[inline]
    pub(crate) fn grant(self, left: i64) -> Option<Lease> {
        let Self { target, options } = self;
        let share = LimitShare {
            left,
            ..LimitShare::asked(DEFAULT_COST)
        };
        let deadline = options.deadline;
        // `options` holds nothing that must be dropped, but the compiler does not know that.
        std::mem::forget(options);
        let bucket = match target {
            Target::Memory(MemoryPlace::Entry(entry)) => InlineBucket::Entry(entry),
            Target::Pinned(pinned) => InlineBucket::Pinned(pinned),
            _ => return None,
        };
        Some(Lease::inline(InlineLease::one(bucket, share, deadline)))
    }

    /// Decides like [`decide`](Self::decide), for any limits and costs. This decision allocates no
    /// future, and never waits.
    pub(crate) fn decide_any(&self) -> Option<Result<Shares, Box<Denied>>> {
        if self.options.fallback.is_some() || self.options.also.is_some() {
            return None;
        }
        let (entry, home, limits) = match (&self.target, &self.options.limits) {
            (
                Target::Memory(MemoryPlace::Entry(entry)),
                LimitsSource::Exactly(limits_ref) | LimitsSource::StoredOr(limits_ref),
            ) => (entry, entry.home(), self.target.limits(limits_ref)),
            (Target::Pinned(pinned), LimitsSource::Stored) => {
                (&pinned.entry, &pinned.home, &pinned.limits)
            }
            _ => return None,
        };
        if home.has_records() || limits.have_a_clock() {
            return None;
        }
        let mut shares = shares(&self.options.cost, limits)?;
        Some(
            entry
                .spend(home, limits, &mut shares, home.now())
                .map(|()| shares)
                .map_err(|s| entry.denied(s)),
        )
    }

    /// Returns the lease that [`decide_any`](Self::decide_any) has granted.
    pub(crate) fn grant_any(self, shares: Shares) -> Option<Lease> {
        let deadline = self.options.deadline;
        let (bucket, limits) = match (self.target, self.options.limits) {
            (Target::Pinned(pinned), LimitsSource::Stored) => (InlineBucket::Pinned(pinned), None),
            (
                Target::Memory(MemoryPlace::Entry(entry)),
                LimitsSource::Exactly(limits) | LimitsSource::StoredOr(limits),
            ) => match limits {
                LimitsRef::Known => (InlineBucket::Entry(entry), None),
                LimitsRef::These(limits) => (InlineBucket::Entry(entry), Some(limits)),
            },
            _ => return None,
        };
        if shares.iter().any(|share| share.left < 0) {
            let left = shares.iter().map(|share| share.left);
            bucket.report_overdraft(limits.as_ref(), left);
        }
        if shares.len() <= 2 {
            return InlineLease::of(bucket, limits, &shares, deadline).map(Lease::inline);
        }
        let bucket = Bucket::Memory(bucket.into_bucket(limits));
        let charged = Charged::Memory(MemoryCharge {
            shares,
            starts_at: 0,
            bypassed: false,
        });
        let grant = Grant::new(bucket, charged, Owner::Entity, false);
        let granted = GrantedResources::one(Grants::one(grant));
        Some(Lease::new(granted, deadline))
    }
}

/// Returns the shares of `limits`, if the cost names no other limits and is not above their
/// capacities.
fn shares(cost: &Cost, limits: &Limits) -> Option<Shares> {
    let fits = |(name, tokens): (&LimitName, u64)| {
        limits
            .index(name.as_str())
            .is_some_and(|index| tokens <= limits[index].greatest_capacity())
    };
    let asked = |limit: &Limit| LimitShare::asked(to_milli(asked(cost, limit)));
    cost.iter()
        .all(fits)
        .then(|| limits.iter().map(asked).collect())
}

impl Engine {
    /// Charges one token, if the bucket is in memory, `limits` is its only limit and nothing is
    /// stored. The decision is that of an acquire with the default cost. Returns `None` if these
    /// conditions do not hold, or if acquires are traced. Allocates nothing for a grant.
    #[inline]
    pub(crate) fn take_one(
        &self,
        entity: &[u8],
        resource: &Resource,
        limits: &Limits,
    ) -> Option<Result<Lease, Error>> {
        let Backend::Memory(memory) = self.backend() else {
            return None;
        };
        if telemetry::traces_acquires() {
            return None;
        }
        let begun = Begun::now();
        let entry = memory.store.find(entity, resource.as_str())?;
        if !Arc::ptr_eq(entry.home(), &memory.home) || !entry.limits().is(limits) {
            return None;
        }
        Some(match entry.spend_one(&memory.home, limits, DEFAULT_COST)? {
            Ok(left) => {
                telemetry::decided_in_memory(begun, resource, None);
                let share = LimitShare {
                    left,
                    ..LimitShare::asked(DEFAULT_COST)
                };
                Ok(Lease::inline(InlineLease::one(
                    InlineBucket::Entry(entry),
                    share,
                    self.deadline(),
                )))
            }
            Err(denied) => Err(refused(denied, begun)),
        })
    }
}

/// Reports a denial in memory, and returns it as an error.
#[cold]
pub(super) fn refused(denied: Box<Denied>, begun: Begun) -> Error {
    let error = Error::Denied(denied);
    if let Error::Denied(denied) = &error {
        telemetry::decided_in_memory(begun, &denied.resource, Some(&error));
    }
    error
}
