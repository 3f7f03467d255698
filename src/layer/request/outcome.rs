//! Turns the result of an acquire into the next step for the request.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::layer::{
    Misconfiguration, Policy, RateLimitStatus, RefusalReason, RequestHead,
    lease::lease_slot::LeaseSlot, lease::status::Passed,
};
use crate::{error::Error, limiter::RateLimiter, telemetry};

/// The next step for a request that was decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The request passes, with a lease or uncharged.
    Pass(Arc<LeaseSlot>),
    /// The layer answers. The inner service is not called.
    Answer(Box<Response<Bytes>>),
}

impl Policy {
    /// Turns the result of an acquire into a decision.
    #[inline]
    pub(crate) fn decide(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
        result: Result<crate::Lease, Error>,
    ) -> Decision {
        match result {
            Ok(lease) => {
                if let Some(warnings) = &self.rules.warnings {
                    warnings.see(&lease);
                }
                Decision::Pass(LeaseSlot::new(lease, self.clone()))
            }
            Err(error) => self.decide_failed(limiter, head, error),
        }
    }

    /// Returns the decision for a request that is not granted.
    fn decide_failed(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
        error: Error,
    ) -> Decision {
        if let Error::ExceedsCapacity(error) = &error {
            for (_, cost) in self.rules.costs() {
                cost.unlearn(error);
            }
        }
        match self.passes(limiter, &error) {
            Some(status) => Decision::Pass(LeaseSlot::uncharged(status, self.clone())),
            None => {
                RefusalReason::tell(&error);
                Decision::Answer(Box::new(self.refuse_for(
                    &|| limiter.now(),
                    head.into(),
                    Some(head),
                    error,
                )))
            }
        }
    }

    /// Returns the status of a request that passes although it was not granted; `None` if it does
    /// not pass.
    pub(crate) fn passes(&self, limiter: &RateLimiter, error: &Error) -> Option<RateLimitStatus> {
        if let (Some(warnings), Some(denied)) = (&self.rules.warnings, error.denied()) {
            warnings.see_denied(denied, limiter.now());
        }
        let decision = &self.rules.decision;
        let shadow = decision.is_shadow();
        let passed = match error {
            Error::Unavailable(error) => {
                let allowed = shadow
                    || decision
                        .on_unavailable
                        .allows(error, limiter.stored_on_unavailable());
                telemetry::unavailable(error, allowed);
                return allowed.then(|| RateLimitStatus::passed(Passed::Undecided, shadow));
            }
            _ if !shadow => return None,
            _ => match error.denied() {
                Some(denied) => {
                    let short: Vec<_> = denied.violated().cloned().collect();
                    telemetry::shadow_denial(&denied.resource, &short);
                    Passed::Denied(denied, short)
                }
                None => {
                    match error {
                        Error::ExceedsCapacity(error) => {
                            telemetry::shadow_denial_of(
                                &error.resource,
                                [&error.limit].into_iter(),
                            );
                        }
                        Error::Disabled(disabled) => {
                            telemetry::shadow_denial(&disabled.resource, &[])
                        }
                        error => telemetry::setup(
                            Misconfiguration::from(error).code(),
                            &error.to_string(),
                        ),
                    }
                    Passed::Refused
                }
            },
        };
        Some(RateLimitStatus::passed(passed, shadow))
    }
}
