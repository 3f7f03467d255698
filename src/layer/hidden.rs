//! What handlers do not find of layers further out.

use http::Extensions;

use super::{BoundLimiter, LeaseHandle, Policy, RateLimitStatus};

/// What handlers do not find of layers further out, where a request passes unlimited: what they would
/// take for that of this layer, because other requests have it from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden {
    lease: bool,
    limiter: bool,
}

impl Hidden {
    pub(super) fn by(policy: &Policy) -> Self {
        let limiter = policy.rules.decision.in_handler;
        Self { lease: limiter || policy.rules.settlement.shares_lease, limiter }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { lease: self.lease || other.lease, limiter: self.limiter || other.limiter }
    }

    pub(super) fn hide(self, extensions: &mut Extensions) {
        if self.lease {
            extensions.remove::<LeaseHandle>();
            extensions.remove::<RateLimitStatus>();
        }
        if self.limiter {
            extensions.remove::<BoundLimiter>();
        }
    }
}
