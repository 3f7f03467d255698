//! Decisions by this process's share of the limits while the store is down.

use std::sync::Arc;

use super::{
    lease::Lease,
    memory::Brought,
    rate_limiter::{Backend, RateLimiter},
    request::{Request, Source, Subject},
    resolver::{Resolution, Resolving},
};
use crate::{
    error::{Error, Unavailable},
    limiter::terms::Share,
    model::{EntityId, ResolvedLimits},
    telemetry,
};

/// Decides in memory, because the store failed with `error`.
pub(super) fn acquire(request: &Request, share: Share, error: Unavailable) -> Result<Lease, Error> {
    if !error.is_outage() {
        return Err(error.into());
    }
    let decided = request.charge_locally(share);
    match decided {
        Some(Ok(mut lease)) => {
            telemetry::decided_locally(request.key().resource, &error, true);
            lease.degrade();
            Ok(lease)
        }
        Some(Err(Error::Denied(mut denied))) => {
            denied.degraded = true;
            telemetry::decided_locally(request.key().resource, &error, false);
            Err(Error::Denied(denied))
        }
        Some(Err(Error::Disabled(disabled))) => Err(Error::Disabled(disabled)),
        // The share cannot decide: no limits are known, or the cost is above its capacity.
        _ => Err(error.into()),
    }
}

impl RateLimiter {
    /// Returns the limits and the parent that were last known of an entity and the resource, or `None`.
    pub(super) fn last_known(&self, entity: &EntityId, request: &Request) -> Option<Arc<Resolution>> {
        match self.backend() {
            Backend::Memory(_) => None,
            // A script fails requests after their limits were looked up, so these are known.
            Backend::Scripted(_) => match self.resolve(entity, request.key().resource) {
                Resolving::Known(resolution) => Some(resolution),
                Resolving::Soon(_) => None,
            },
            Backend::Gated(gates) => gates.resolver().last_known(entity, request.key().resource),
        }
    }

    /// Returns the same entity and resource in the limiter's local buckets.
    pub(super) fn local_subject(&self, request: &Request) -> Subject {
        Subject::Memory(self.local().place(request.key().to_key()))
    }
}

impl Source {
    /// Returns the share of the limits that the caller set.
    pub(super) fn share(&self, share: Share) -> Self {
        match self {
            Self::Stored => Self::Stored,
            Self::StoredOr(limits) => Self::StoredOr(limits.share(share)),
            Self::Exactly(limits) => Self::Exactly(limits.share(share)),
        }
    }
}

impl Brought {
    fn share(&self, share: Share) -> Self {
        match self {
            Self::Known => Self::Known,
            Self::These(limits) => Self::These(share.of(limits)),
        }
    }
}

impl Resolution {
    /// Returns the share of the stored limits.
    pub(super) fn share(&self, share: Share) -> Self {
        let stored = self
            .stored
            .as_ref()
            .map(|ResolvedLimits { limits, source }| ResolvedLimits { limits: share.of(limits), source: *source });
        Self { stored, shard_count: 1, ..self.clone() }
    }
}
