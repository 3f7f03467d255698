//! Decisions by this process's share of the limits while the store is down.

use std::sync::Arc;

use super::{LimitsSource, Request, RequestOptions, Target};
use crate::{
    error::{Error, Unavailable},
    limiter::{
        bucket::LimitsRef,
        lease::{Lease, charge::Charges, charging::charge},
        resolver::Resolution,
        terms::{LocalShare, Started},
    },
    model::ResolvedLimits,
    telemetry,
};

/// Decides in memory, because the store failed with `error`.
pub(crate) fn acquire(
    request: &Request,
    share: LocalShare,
    error: Unavailable,
) -> Result<Lease, Error> {
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
        // The share cannot decide: no limits are known, or the cost is above the capacity of the
        // share.
        _ => Err(error.into()),
    }
}

impl Request {
    /// Charges the local buckets of a limiter over a store, by the share of the limits that were
    /// last known. Returns `None` in memory.
    fn charge_locally(&self, share: LocalShare) -> Option<Result<Lease, Error>> {
        let all = self.clone().split().into_iter();
        let all: Vec<_> = all
            .map(|request| request.local_charges(share))
            .collect::<Option<_>>()?;
        let charged = Charges::combined(all).map(|charges| charge(charges, self.deadline()));
        Some(match charged {
            Ok(Started::Now(result)) => result.map(|granted| Lease::new(granted, self.deadline())),
            // A bucket in memory never waits.
            Ok(Started::Later(_)) => Err(Unavailable::Internal("a local bucket that waits").into()),
            Err(error) => Err(error),
        })
    }

    /// Returns the charges of the local buckets of one resource. Returns `None` in memory.
    fn local_charges(&self, share: LocalShare) -> Option<Result<Charges, Error>> {
        let Target::Gated(gated) = &self.target else {
            return None;
        };
        let (engine, resource) = (&gated.engine, self.key().resource);
        let own = engine
            .last_known(&gated.key.entity, resource)
            .map(|known| known.share(share));
        let own = own.unwrap_or_else(Resolution::nothing);
        let parent = self.parent_of(&own).and_then(|parent| {
            let known = engine.last_known(parent, resource)?.share(share);
            Some((parent.clone(), Arc::new(known)))
        });
        let options = RequestOptions {
            limits: self.options.limits.share(share),
            ..self.options.clone()
        };
        let target = Target::Memory(engine.local().place(self.key().to_key()));
        Some(Self { target, options }.charges(&own, parent, true))
    }
}

impl LimitsSource {
    /// Returns the share of the limits that the caller set.
    pub(super) fn share(&self, share: LocalShare) -> Self {
        match self {
            Self::Stored => Self::Stored,
            Self::StoredOr(limits) => Self::StoredOr(limits.share(share)),
            Self::Exactly(limits) => Self::Exactly(limits.share(share)),
        }
    }
}

impl LimitsRef {
    fn share(&self, share: LocalShare) -> Self {
        match self {
            Self::Known => Self::Known,
            Self::These(limits) => Self::These(share.of(limits)),
        }
    }
}

impl Resolution {
    /// Returns the share of the stored limits.
    pub(super) fn share(&self, share: LocalShare) -> Self {
        let stored = self
            .stored
            .as_ref()
            .map(|ResolvedLimits { limits, source }| ResolvedLimits {
                limits: share.of(limits),
                source: *source,
            });
        Self {
            stored,
            shard_count: 1,
            ..self.clone()
        }
    }
}
