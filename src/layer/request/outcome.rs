//! Turns the result of an acquire into the next step for the request.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::layer::{
    Misconfiguration, Policy, RateLimitStatus, RefusalReason, RequestHead, ShadowVerdict,
    request::lease_slot::LeaseSlot, request::status::Passed, response::answer::Form,
};
use crate::{error::Error, limiter::RateLimiter, model::LimitStatus, telemetry};

/// The next step for a request that was decided.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The request passes, with a lease or uncharged.
    Granted(Arc<LeaseSlot>),
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
            Ok(lease) => Decision::Granted(LeaseSlot::new(lease, self.clone())),
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
            self.rules.cost.unlearn(error);
        }
        match self.passes(limiter, &error) {
            Some(status) => Decision::Granted(LeaseSlot::uncharged(status, self.clone())),
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

    /// Returns the answer to a request that is not granted because of `error`.
    pub(crate) fn refuse_for(
        &self,
        now: &dyn Fn() -> i64,
        form: Form,
        head: Option<&RequestHead<'_>>,
        mut error: Error,
    ) -> Response<Bytes> {
        // Clients need not see limits that only observe, because these deny nothing.
        let enforced = |status: &LimitStatus| !self.rules.decision.observes(status.limit.name());
        match &mut error {
            Error::Denied(denied) => denied.limits.retain(enforced),
            Error::QueueFull(full) => full.denied.limits.retain(enforced),
            _ => {}
        }
        let mut response = self.refuse(now, form, head, RefusalReason::of(&error));
        response.extensions_mut().insert(RefusedBy::new(self));
        response
    }
}

/// The policy that refused a request, for outer layers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefusedBy(usize);

impl RefusedBy {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self(Arc::as_ptr(&policy.rules).addr())
    }
}

impl<'a> RefusalReason<'a> {
    /// Emits an event for an error that is the server's own mistake, because the answers of release
    /// builds do not say what it is.
    pub(crate) fn tell(error: &Error) {
        if let RefusalReason::Misconfigured(mistake) = RefusalReason::of(error) {
            telemetry::setup(mistake.code(), &error.to_string());
        }
    }

    /// Returns the reason that a client gets for an error.
    pub(crate) fn of(error: &'a Error) -> Self {
        match error {
            Error::Denied(denied) => Self::Denied(denied),
            Error::QueueFull(full) => Self::Denied(&full.denied),
            Error::ExceedsCapacity(error) => Self::ExceedsCapacity(error),
            Error::Disabled(error) => Self::Disabled(error),
            Error::Unavailable(error) => Self::Unavailable(error),
            error => Self::Misconfigured(Misconfiguration::from(error)),
        }
    }
}

impl ShadowVerdict {
    /// Returns the limits that would have denied the request.
    pub(crate) fn short(&self) -> &[LimitStatus] {
        match self {
            Self::Denied(limits) => limits,
            _ => &[],
        }
    }
}
