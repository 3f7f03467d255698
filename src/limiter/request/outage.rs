//! Requests that pass although the store gives no decision.

use super::{Request, Target};
use crate::{
    error::{Error, Unavailable},
    limiter::{
        bucket::{Bucket, Charged, Grant, Grants, MemoryBucket, MemoryCharge},
        lease::Lease,
    },
    model::{Limits, Owner, StoredOnUnavailable},
    telemetry,
};

impl Request {
    /// Returns `true` if the request passes if the store is down.
    #[inline]
    pub(super) fn passes_outages(&self) -> bool {
        let Target::Gated(gated) = &self.target else {
            return false;
        };
        let action = match self.options.on_unavailable {
            None => gated.engine.stored_on_unavailable(),
            set => set,
        };
        action == Some(StoredOnUnavailable::Allow)
    }

    /// Returns a lease that charges nothing, if the store failed with `error` and the request
    /// passes then.
    pub(super) fn pass(&self, error: Unavailable) -> Result<Lease, Error> {
        match &self.target {
            Target::Gated(gated) if error.is_outage() && self.passes_outages() => {
                telemetry::unavailable(&error, true);
                let place = gated.engine.local().new_place(gated.key.clone());
                let bucket = Bucket::Memory(MemoryBucket::new(place, Limits::unknown().clone()));
                let charged = Charged::Memory(MemoryCharge {
                    shares: [].into_iter().collect(),
                    bypassed: false,
                    starts_at: 0,
                });
                let grant = Grant::new(bucket, charged, Owner::Entity, false);
                Ok(Lease::of_nothing(Grants::one(grant), self.deadline()))
            }
            _ => Err(error.into()),
        }
    }
}

/// Turns an outage into a lease that charges nothing, if the request passes then.
pub(super) fn decided(request: &Request, result: Result<Lease, Error>) -> Result<Lease, Error> {
    match result {
        Err(Error::Unavailable(error)) => request.pass(error),
        result => result,
    }
}
