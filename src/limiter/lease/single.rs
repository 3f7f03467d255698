//! The simplest charge there is: one token of the only limit of a bucket in memory.

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
    model::{Limit, Limits, Resource},
    store::Entry,
    telemetry::{self, Begun},
};

/// A charge of one token. Dropped, it stays. Three words, where a lease that can be settled has many:
/// whoever has nothing to settle moves little about.
#[derive(Debug)]
pub(crate) struct Single {
    entry: Arc<Entry>,
    /// Millitokens.
    left: i64,
    deadline: Deadline,
}

impl RateLimiter {
    /// The decision, where the bucket is in memory and knows `limits`, which are only one, and nothing is
    /// stored: the same that an acquire of the default cost comes to. `None` where it is not that simple, or
    /// somebody traces acquires. Allocates nothing for a grant.
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
    /// The same as any lease is.
    #[inline]
    pub(crate) fn into_lease(self) -> Lease {
        let share = self.share();
        Lease::few(Few::one(Alone::Entry(self.entry), share, self.deadline))
    }

    /// Gives the token back.
    #[cold]
    pub(crate) fn give_back(&self) {
        let (home, limits) = (self.entry.home(), self.entry.limits());
        let back = [ALONE.saturating_neg()];
        telemetry::settled(self.entry.key().resource, limits, back.into_iter());
        self.entry.settle(home, limits, &back, home.now());
    }

    /// The limit.
    pub(crate) fn limit(&self) -> Option<&Limit> {
        self.entry.limits().first()
    }

    /// Millitokens that were left.
    pub(crate) fn left(&self) -> i64 {
        self.left
    }

    fn share(&self) -> Share {
        Share { charged: ALONE, left: self.left, used: ALONE }
    }
}
