//! What a decision means for the request.

use bytes::Bytes;
use http::Response;

use super::{Policy, RateLimitStatus, ShadowVerdict, answer, handle::Holder, headers::PolicyField, status::Passed};
use crate::{error::Error, limiter::RateLimiter, model::LimitStatus, telemetry};

/// What becomes of a request that was decided.
#[derive(Debug)]
pub(super) enum Decision {
    /// It passes, with a lease or uncharged.
    Granted(Holder),
    /// It is answered without the inner service.
    Answer(Response<Bytes>),
}

impl Policy {
    /// What the decision means for the request.
    pub(super) fn decide(&self, limiter: &RateLimiter, result: Result<crate::Lease, Error>) -> Decision {
        let shared = self.rules.settlement.shares_lease;
        match result {
            Ok(lease) => Decision::Granted(Holder::new(lease, shared)),
            Err(error) => match self.passes(limiter, &error) {
                Some(status) => Decision::Granted(Holder::uncharged(status, shared)),
                None => Decision::Answer(self.refuse(error)),
            },
        }
    }

    /// What there is to say of a request that passes although it was not granted; `None` where it does
    /// not pass.
    pub(super) fn passes(&self, limiter: &RateLimiter, error: &Error) -> Option<RateLimitStatus> {
        let decision = &self.rules.decision;
        let shadow = decision.is_shadow();
        let passed = match error {
            Error::Unavailable(error) => {
                let allowed = shadow || decision.on_unavailable.allows(limiter.stored_on_unavailable());
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
                        Error::ExceedsCapacity(error) => telemetry::shadow_denial(&error.resource, &[]),
                        Error::Disabled(disabled) => telemetry::shadow_denial(&disabled.resource, &[]),
                        error => telemetry::setup(&error.to_string()),
                    }
                    Passed::Refused
                }
            },
        };
        Some(RateLimitStatus::passed(passed, shadow))
    }

    /// The answer to a request that is not granted.
    pub(super) fn refuse(&self, mut error: Error) -> Response<Bytes> {
        let rules = &*self.rules;
        // Clients need not know of limits that deny nothing.
        let enforced = |status: &LimitStatus| !rules.decision.observes(status.limit.name());
        match &mut error {
            Error::Denied(denied) => denied.limits.retain(enforced),
            Error::QueueFull(full) => full.denied.limits.retain(enforced),
            _ => {}
        }
        refusal(&error, &rules.answers.policy_field)
    }
}

/// The answer to a request that is not granted.
fn refusal(error: &Error, field: &PolicyField) -> Response<Bytes> {
    match error {
        Error::Denied(denied) => answer::denied(denied, field),
        Error::QueueFull(full) => answer::denied(&full.denied, field),
        Error::ExceedsCapacity(error) => answer::exceeds_capacity(error),
        Error::Disabled(_) => answer::disabled(),
        Error::Unavailable(error) => answer::unavailable(error),
        error => {
            telemetry::setup(&error.to_string());
            answer::misconfigured()
        }
    }
}

/// An error that the handler answers with: the layer that the request came through answers it as its
/// policy does.
#[cfg(feature = "axum")]
#[derive(Clone, Debug)]
pub(crate) struct HandlerRefusal(pub(crate) Error);

/// The answer where no layer gives another one.
#[cfg(feature = "axum")]
pub(crate) fn handler_refusal(error: &Error) -> Response<Bytes> {
    let mut response = refusal(error, &PolicyField::new(None));
    handlers_own(&mut response);
    response.extensions_mut().insert(HandlerRefusal(error.clone()));
    response
}

impl Policy {
    /// The policy's answer to an error that the handler answered with.
    pub(super) fn answer_handler<B>(&self, response: &mut Response<B>) -> Option<Response<Bytes>> {
        #[cfg(feature = "axum")]
        if let Some(HandlerRefusal(error)) = response.extensions_mut().remove() {
            let mut answer = self.refuse(error);
            handlers_own(&mut answer);
            return Some(answer);
        }
        let _ = response;
        None
    }
}

/// The handler has run: what it has used is not given back, by layers further out neither.
#[cfg(feature = "axum")]
fn handlers_own(response: &mut Response<Bytes>) {
    response.extensions_mut().remove::<answer::Refused>();
}

impl ShadowVerdict {
    /// Limits that would have denied the request.
    pub(super) fn short(&self) -> &[LimitStatus] {
        match self {
            Self::Denied(limits) => limits,
            _ => &[],
        }
    }
}
