//! What a decision means for the request.

use bytes::Bytes;
use http::Response;

use super::{Policy, RateLimitStatus, answer, handle::Holder};
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
    pub(super) fn decide(&self, limiter: &RateLimiter, result: Result<crate::Lease, Error>) -> Decision {
        let rules = &*self.rules;
        match result {
            Ok(lease) => Decision::Granted(Holder::new(lease, self.clone())),
            Err(Error::Denied(denied)) => Decision::Answer(answer::denied(&denied, &rules.answers.policy_field)),
            Err(Error::ExceedsCapacity(error)) => {
                rules.cost.unlearn(&error);
                Decision::Answer(answer::exceeds_capacity(&error))
            }
            Err(Error::Disabled(_)) => Decision::Answer(answer::disabled()),
            Err(Error::Unavailable(error)) => {
                let allowed = rules.decision.on_unavailable.allows(limiter.stored_on_unavailable());
                telemetry::unavailable(&error, allowed);
                match allowed {
                    true => Decision::Undecided(RateLimitStatus::undecided()),
                    false => Decision::Answer(answer::unavailable(&error)),
                }
            }
            Err(error) => {
                telemetry::setup(&error.to_string());
                Decision::Answer(answer::misconfigured())
            }
        }
    }
}
