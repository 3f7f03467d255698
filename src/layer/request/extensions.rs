//! The extensions of requests that pass unlimited: a lease that charges nothing.

use http::Extensions;

use crate::layer::{BoundLimiter, LeaseHandle, Policy};

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
