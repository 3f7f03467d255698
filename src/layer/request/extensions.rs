//! Marks in a request's extensions. Each layer that grants the request adds its lease, so that a
//! second layer knows that the request is charged already. A request that passes unlimited gets a
//! lease that charges nothing.

use std::sync::{Arc, Weak};

use http::Extensions;

use crate::layer::{BoundLimiter, LeaseHandle, Policy, request::lease_slot::LeaseSlot};

/// The mark of a request whose handler gets no [`LeaseHandle`]. The mark does not keep the lease
/// open.
#[derive(Clone)]
struct HiddenLease(Weak<LeaseSlot>);

impl Policy {
    /// Returns `true` if handlers get a handle of the lease.
    pub(crate) fn shares_lease(&self) -> bool {
        self.rules.settlement.shares_lease || self.rules.decision.in_handler
    }

    /// Marks a request with its lease: with a [`LeaseHandle`], unless the policy gives handlers
    /// none.
    pub(crate) fn mark(&self, lease: &Arc<LeaseSlot>, extensions: &mut Extensions) {
        if self.shares_lease() {
            if let Some(outer) = extensions.insert(LeaseHandle::new(lease.clone())) {
                lease.stands_inside(outer.link());
            }
        } else if let Some(HiddenLease(outer)) =
            extensions.insert(HiddenLease(Arc::downgrade(lease)))
        {
            lease.stands_inside(Some(outer));
        }
    }

    /// Returns the leases with which this policy and others have marked the request before, the
    /// last one first.
    pub(crate) fn marks(&self, extensions: &Extensions) -> impl Iterator<Item = Arc<LeaseSlot>> {
        let last = if self.shares_lease() {
            extensions.get::<LeaseHandle>().and_then(LeaseHandle::link)
        } else {
            extensions
                .get::<HiddenLease>()
                .map(|HiddenLease(lease)| lease.clone())
        };
        let last = last.and_then(|lease| lease.upgrade());
        std::iter::successors(last, |lease| {
            lease.outer().and_then(|outer| outer.upgrade())
        })
    }
}

/// The extensions of requests that pass unlimited. These extensions have the same types as those of
/// other requests, so that handlers need no second code path. They replace those of an outer layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unlimited {
    lease: bool,
    limiter: bool,
}

impl Unlimited {
    pub(crate) fn by(policy: &Policy) -> Self {
        Self {
            lease: policy.shares_lease(),
            limiter: policy.rules.decision.in_handler,
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            lease: self.lease || other.lease,
            limiter: self.limiter || other.limiter,
        }
    }

    pub(crate) fn extend(self, extensions: &mut Extensions) {
        if self.lease {
            let outer = extensions.get::<LeaseHandle>().and_then(LeaseHandle::link);
            extensions.insert(LeaseHandle::of_nothing_inside(outer));
        }
        if self.limiter {
            extensions.insert(BoundLimiter::unlimited());
        }
    }
}
