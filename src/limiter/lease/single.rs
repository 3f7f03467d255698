//! The simplest charge: one token of the only limit of a bucket in memory.

use std::sync::Arc;

use super::{
    Lease,
    few::{Alone, Few},
    grant::Share,
};
use crate::{
    error::Error,
    limiter::{
        acquire::refused,
        deadline::Deadline,
        rate_limiter::{Backend, RateLimiter},
        request::ALONE,
    },
    model::{Limits, Resource},
    store::Entry,
    telemetry::{self, Begun},
};

/// A charge of one token. If it is dropped, the charge stays. It has three words, far fewer than a lease that can be
/// settled, so that it is cheap to move.
#[derive(Debug)]
pub(crate) struct Single {
    entry: Arc<Entry>,
    /// The tokens that were left: millitokens.
    left: i64,
    deadline: Deadline,
}

impl RateLimiter {
    /// Charges one token, if the bucket is in memory, `limits` is its only limit and nothing is stored. The decision is
    /// that of an acquire with the default cost. Returns `None` if these conditions do not hold, or if acquires are
    /// traced. Allocates nothing for a grant.
    #[inline]
    pub(crate) fn take_one(
        &self,
        entity: &[u8],
        resource: &Resource,
        limits: &Limits,
    ) -> Option<Result<Single, Error>> {
        let Backend::Memory(memory) = self.backend() else { return None };
        if telemetry::traces_acquires() {
            return None;
        }
        let begun = Begun::now();
        let entry = memory.store.find(entity, resource.as_str())?;
        if !Arc::ptr_eq(entry.home(), &memory.home) || !entry.limits().is(limits) {
            return None;
        }
        Some(match entry.spend_one(&memory.home, limits, ALONE)? {
            Ok(left) => {
                telemetry::decided_in_memory(begun, resource, None);
                Ok(Single { entry, left, deadline: self.deadline() })
            }
            Err(denied) => Err(refused(denied, begun)),
        })
    }
}

impl Single {
    /// Turns the charge into a lease.
    #[inline]
    pub(crate) fn into_lease(self) -> Lease {
        let share = self.share();
        Lease::few(Few::one(Alone::Entry(self.entry), share, self.deadline))
    }

    fn share(&self) -> Share {
        Share { charged: ALONE, left: self.left, used: ALONE }
    }
}
