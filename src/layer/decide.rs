//! What a decision means for the request.

use bytes::Bytes;
use http::Response;

use super::{Policy, RateLimitStatus, RefusalReason, RequestHead, handle::Holder};
use crate::{error::Error, limiter::RateLimiter, telemetry};

/// What becomes of a request that was decided.
#[derive(Debug)]
pub(super) enum Decision {
    /// It passes with a lease.
    Granted(Holder),
    /// It passes without a decision.
    Undecided(RateLimitStatus),
    /// It is answered without the inner service.
    Answer(Response<Bytes>),
}

impl Policy {
    /// What the decision means for the request.
    pub(super) fn decide(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
        result: Result<crate::Lease, Error>,
    ) -> Decision {
        let rules = &*self.rules;
        let refuse = |reason| Decision::Answer(self.refuse(limiter, head, reason));
        match result {
            Ok(lease) => Decision::Granted(Holder::new(lease, rules.settlement.shares_lease)),
            Err(Error::Denied(denied)) => refuse(RefusalReason::Denied(&denied)),
            Err(Error::ExceedsCapacity(error)) => refuse(RefusalReason::ExceedsCapacity(&error)),
            Err(Error::Disabled(error)) => refuse(RefusalReason::Disabled(&error)),
            Err(Error::Unavailable(error)) => {
                let allowed = rules.decision.on_unavailable.allows(limiter.stored_on_unavailable());
                telemetry::unavailable(&error, allowed);
                match allowed {
                    true => Decision::Undecided(RateLimitStatus::undecided()),
                    false => refuse(RefusalReason::Unavailable(&error)),
                }
            }
            Err(error) => {
                telemetry::setup(&error.to_string());
                refuse(RefusalReason::Misconfigured)
            }
        }
    }
}
