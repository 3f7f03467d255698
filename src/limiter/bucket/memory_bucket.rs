//! A bucket in this process's memory.

use std::sync::Arc;

use super::memory::{LimitsRef, MemoryPlace, ResolvedBucket};
use crate::{
    error::Unavailable,
    limiter::terms::{Amounts, BucketDecision, ChargeContext, LimitShare, Shares},
    model::{KeyParts, LimitStatus, Limits},
    store::{Entry, Home},
};

/// A bucket in this process's memory, with the limits that it is charged by. The bucket decides in
/// place.
#[derive(Clone, Debug)]
pub(crate) enum MemoryBucket {
    Placed {
        place: MemoryPlace,
        limits: LimitsRef,
    },
    /// Found before by a handle.
    Pinned(Arc<ResolvedBucket>),
}

/// The tokens that a bucket in memory was charged.
#[derive(Debug)]
pub(crate) struct MemoryCharge {
    pub(crate) shares: Shares,
    /// The time at which the request may start: epoch ms, 0 for at once.
    pub(crate) starts_at: i64,
    /// `true` if the charge was only counted, because the bucket is bypassed.
    pub(crate) bypassed: bool,
}

impl MemoryBucket {
    pub(crate) fn new(place: MemoryPlace, limits: Limits) -> Self {
        Self::Placed {
            place,
            limits: LimitsRef::These(limits),
        }
    }

    pub(crate) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Placed { place, .. } => place.key(),
            Self::Pinned(pinned) => pinned.entry.key(),
        }
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        match self {
            Self::Placed { place, .. } => place.home(),
            Self::Pinned(pinned) => &pinned.home,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Self::Placed { place, limits } => place.limits(limits),
            Self::Pinned(pinned) => &pinned.limits,
        }
    }

    /// Returns the statuses of the limits for a request of `amounts`.
    pub(crate) fn statuses(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Placed { place, .. } => place.statuses(self.limits(), amounts),
            Self::Pinned(pinned) => Entry::statuses(
                Some(&*pinned.entry),
                &pinned.limits,
                amounts,
                pinned.home.now(),
            ),
        }
    }

    /// Makes sure that the bucket has an entry in the store.
    pub(crate) fn claim(&mut self) -> Result<(), Unavailable> {
        match self {
            Self::Placed { place, limits } => {
                let now = place.home().now();
                place.claim(limits, now).map(|_| ())
            }
            Self::Pinned(_) => Ok(()),
        }
    }

    /// Asks for all of `amounts` or nothing.
    #[inline]
    pub(crate) fn acquire(
        &mut self,
        context: &ChargeContext,
        amounts: &Amounts,
    ) -> BucketDecision<MemoryCharge> {
        if let Err(error) = self.claim() {
            return BucketDecision::Unavailable(error);
        }
        let Some(entry) = self.entry() else {
            return BucketDecision::Unavailable(Unavailable::Internal(
                "a claimed bucket is missing",
            ));
        };
        let (home, limits) = (self.home(), self.limits());
        let mut shares: Shares = amounts.iter().copied().map(LimitShare::asked).collect();
        if context.flags.bypassed {
            entry.count(home, limits, &mut shares, home.now());
            return BucketDecision::Granted(MemoryCharge {
                shares,
                starts_at: 0,
                bypassed: true,
            });
        }
        let spent = match &context.patience {
            None if context.is_top_up => entry
                .spend_more(home, limits, &mut shares, home.now())
                .map(|()| 0),
            None => entry
                .spend(home, limits, &mut shares, home.now())
                .map(|()| 0),
            Some(patience) => entry.reserve(home, limits, &mut shares, &patience.debts, home.now()),
        };
        match spent {
            Ok(starts_at) => BucketDecision::Granted(MemoryCharge {
                shares,
                starts_at,
                bypassed: false,
            }),
            Err(statuses) => BucketDecision::Denied(statuses),
        }
    }

    /// Settles differences in millitokens, in the order of the limits. A quota gets tokens back
    /// only in its period of `periods`.
    pub(crate) fn settle(&self, differences: &[i64], periods: &[i64]) {
        // A bucket without an entry was never charged.
        if let Some(entry) = self.entry() {
            let (home, limits) = (self.home(), self.limits());
            entry.settle(home, limits, differences, periods, home.now());
        }
    }

    /// Counts differences in millitokens, in the order of the limits, as consumed: those of a charge
    /// that was only counted.
    pub(crate) fn count(&self, differences: &[i64]) {
        if let Some(entry) = self.entry() {
            entry.count_differences(self.limits(), differences);
        }
    }

    /// Returns the ends of the periods of the limits: epoch ms, 0 for a token bucket.
    pub(crate) fn periods(&self) -> Vec<i64> {
        self.entry()
            .map_or_else(Vec::new, |entry| entry.periods(self.limits()))
    }

    fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Placed { place, .. } => place.entry(),
            Self::Pinned(pinned) => Some(&pinned.entry),
        }
    }
}
