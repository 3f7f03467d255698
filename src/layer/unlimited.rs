//! Requests that pass unlimited. Their handlers find a lease that charges nothing.

use std::sync::{Arc, Weak};

use http::Extensions;

use super::{BoundLimiter, LeaseHandle, Policy, RequestHead, held::Held};
use crate::limiter::RateLimiter;

/// The mark of a request whose handler gets no [`LeaseHandle`]. It does not keep the lease open.
#[derive(Clone)]
struct HiddenLease(Weak<Held>);

impl Policy {
    /// Returns `true` if handlers get a handle of the lease.
    pub(super) fn shares_lease(&self) -> bool {
        self.rules.settlement.shares_lease || self.rules.decision.in_handler
    }

    /// Marks a request with its lease: with a [`LeaseHandle`], unless the policy gives handlers none.
    pub(super) fn mark(&self, lease: &Arc<Held>, extensions: &mut Extensions) {
        if self.shares_lease() {
            extensions.insert(LeaseHandle::new(lease.clone()));
        } else {
            extensions.insert(HiddenLease(Arc::downgrade(lease)));
        }
    }

    /// Returns `true` if the request has passed the same layer before, and holds a lease of the same bucket.
    pub(super) fn has_marked(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
        entity: &str,
        resource: &str,
    ) -> bool {
        if self.shares_lease() {
            let handle = head.extensions.get::<LeaseHandle>();
            handle.is_some_and(|handle| handle.is_for(self, limiter, entity, resource))
        } else {
            let lease = head.extensions.get::<HiddenLease>().and_then(|HiddenLease(lease)| lease.upgrade());
            lease.is_some_and(|lease| lease.is_for(self, limiter, entity, resource))
        }
    }
}

/// The extensions of requests that pass unlimited. They have the same types as those of other requests, so that
/// handlers need no second code path. They replace those of an outer layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unlimited {
    lease: bool,
    limiter: bool,
}

impl Unlimited {
    pub(super) fn by(policy: &Policy) -> Self {
        Self { lease: policy.shares_lease(), limiter: policy.rules.decision.in_handler }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { lease: self.lease || other.lease, limiter: self.limiter || other.limiter }
    }

    pub(super) fn extend(self, extensions: &mut Extensions) {
        if self.lease {
            extensions.insert(LeaseHandle::of_nothing());
        }
        if self.limiter {
            extensions.insert(BoundLimiter::unlimited());
        }
    }
}
