//! Requests that pass unlimited. Their handlers find a lease that charges nothing.

use http::Extensions;

use super::{BoundLimiter, LeaseHandle, Policy};

/// The extensions of requests that pass unlimited. They have the same types as those of other requests, so that
/// handlers need no second code path. They replace those of an outer layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unlimited {
    lease: bool,
    limiter: bool,
}

impl Unlimited {
    pub(super) fn by(policy: &Policy) -> Self {
        let limiter = policy.rules.decision.in_handler;
        Self { lease: limiter || policy.rules.settlement.shares_lease, limiter }
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
