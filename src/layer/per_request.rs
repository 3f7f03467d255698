//! What a policy makes of one request: before it and after it.

use bytes::Bytes;
use http::{
    Method, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

use super::{
    KeyExtractor, LeaseHandle, MissingKey, OnMissingKey, Policy, RateLimitStatus, RequestHead,
    answer::{self, Refused},
    headers,
    keys::{Key, missing::Reason},
    policy::{PolicyLimits, Rules},
};
use crate::{
    error::{Error, Invalid},
    limiter::{RateLimiter, Started},
    model::{Cost, EntityId, Resource},
    telemetry,
};

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Admission {
    /// It passes unlimited.
    Pass,
    /// It is answered without the inner service.
    Answer(Response<Bytes>),
    /// It is decided, or on its way to it.
    Acquire(Started),
}

/// What becomes of a request that was decided.
#[derive(Debug)]
pub(super) enum Decision {
    /// It passes with a lease.
    Granted(LeaseHandle),
    /// It passes without a decision.
    Undecided(RateLimitStatus),
    /// It is answered without the inner service.
    Answer(Response<Bytes>),
}

impl Policy {
    /// Asks for what the request needs.
    pub(super) fn admit(&self, limiter: &RateLimiter, head: &RequestHead<'_>) -> Admission {
        let rules = &*self.rules;
        if !rules.limit_preflights && is_preflight(head) {
            return Admission::Pass;
        }
        let (entity, resource) = match rules.keys(head) {
            Ok(Some(keys)) => keys,
            Ok(None) => return Admission::Pass,
            Err(missing) => {
                if let Reason::Setup(message) = missing.reason() {
                    telemetry::setup(message);
                }
                return Admission::Answer(answer::missing(&missing));
            }
        };
        let cost = rules.cost(head);
        let acquire = limiter.acquire(entity, resource).costs(&cost);
        let acquire = match &rules.limits {
            PolicyLimits::Stored => acquire,
            PolicyLimits::StoredOr(limits) => acquire.default_limits(limits),
            PolicyLimits::Exactly(limits) => acquire.limits(limits),
        };
        let acquire = if rules.without_parent { acquire.without_parent() } else { acquire };
        let acquire = match rules.prefetch {
            Some(prefetch) => acquire.prefetch(prefetch),
            None => acquire,
        };
        Admission::Acquire(acquire.start())
    }

    /// What the decision means for the request.
    pub(super) fn decide(&self, limiter: &RateLimiter, result: Result<crate::Lease, Error>) -> Decision {
        let rules = &*self.rules;
        match result {
            Ok(lease) => Decision::Granted(LeaseHandle::new(lease)),
            Err(Error::Denied(denied)) => Decision::Answer(answer::denied(&denied, &rules.policy_field)),
            Err(Error::ExceedsCapacity(error)) => Decision::Answer(answer::exceeds_capacity(&error)),
            Err(Error::Disabled(_)) => Decision::Answer(answer::disabled()),
            Err(Error::Unavailable(error)) => {
                let allowed = rules.on_unavailable.allows(limiter.stored_on_unavailable());
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

    /// Settles the lease by the response's head, and reports the limits in it.
    pub(super) fn settle<B>(&self, lease: &LeaseHandle, response: &mut Response<B>) {
        let rules = &*self.rules;
        if response.extensions().get::<Refused>().is_some() {
            // A layer further in has denied the request: it leaves every limit as it found it.
            lease.rollback();
            return;
        }
        for (limit, rule) in &rules.settle {
            let estimate = lease.consumed(limit.as_str()).unwrap_or(0);
            if let Some(used) = rule.read(limit, estimate, response.headers_mut()) {
                // Stored limits may lack it.
                let _ = lease.settle(limit.as_str(), used);
            }
        }
        if rules.refund_server_errors && response.status().is_server_error() {
            lease.settle_all(0);
        }
        if rules.report != headers::ReportLimits::Off {
            let status = lease.status();
            headers::report(response.headers_mut(), &rules.policy_field, &status.limits, rules.report);
        }
    }
}

impl Rules {
    /// Who asks for what; `None` where the request passes unlimited.
    fn keys(&self, head: &RequestHead<'_>) -> Result<Option<(EntityId, Resource)>, MissingKey> {
        let resource = match self.key(&*self.resource, head, "the resource", Key::into_resource) {
            Ok(resource) => resource,
            Err(missing) if self.skips(&missing) => return Ok(None),
            Err(missing) => return Err(missing),
        };
        match (self.key(&*self.entity, head, "the entity", Key::into_entity), &self.on_missing_key) {
            (Ok(entity), _) => Ok(Some((entity, resource))),
            (Err(missing), OnMissingKey::Entity(shared)) if !is_setup(&missing) => Ok(Some((shared.clone(), resource))),
            (Err(missing), _) if self.skips(&missing) => Ok(None),
            (Err(missing), _) => Err(missing),
        }
    }

    fn skips(&self, missing: &MissingKey) -> bool {
        self.on_missing_key == OnMissingKey::Skip && !is_setup(missing)
    }

    fn key<N>(
        &self,
        extractor: &dyn KeyExtractor,
        head: &RequestHead<'_>,
        what: &'static str,
        name: fn(Key) -> Result<N, Invalid>,
    ) -> Result<N, MissingKey> {
        name(extractor.extract(head)?).map_err(|error| match error {
            Invalid::Key(_) => MissingKey::absent(what),
            // A name that the server chose itself.
            error => MissingKey::setup(format!("{what} key of a rate limit policy: {error}")),
        })
    }

    fn cost(&self, head: &RequestHead<'_>) -> Cost {
        let mut cost = self.cost.clone();
        for (limit, estimate) in &self.estimates {
            if let Some(tokens) = estimate.estimate(head) {
                cost.set(limit.clone(), tokens);
            }
        }
        cost
    }
}

fn is_setup(missing: &MissingKey) -> bool {
    matches!(missing.reason(), Reason::Setup(_))
}

/// A CORS preflight: the browser's question, not the user's request.
fn is_preflight(head: &RequestHead<'_>) -> bool {
    *head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
