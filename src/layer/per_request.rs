//! What a policy makes of one request: before it and after it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    Method, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

use super::{
    MissingKey, OnMissingKey, Policy, RateLimitStatus, RequestHead,
    answer::{self, Refused},
    handle::{Held, Holder},
    headers,
    keys::{address::AddressText, missing::Reason},
    policy::{PolicyLimits, Rules},
};
use crate::{
    error::{Error, Invalid},
    limiter::{Acquire, RateLimiter, Started},
    model::{EntityId, Resource},
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
    Granted(Holder),
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
        let resource = match rules.resource(head) {
            Ok(Some(resource)) => resource,
            Ok(None) => return Admission::Pass,
            Err(missing) => return missing_key(&missing),
        };
        let entity = match rules.entity(head) {
            Ok(Some(entity)) => entity,
            Ok(None) => return Admission::Pass,
            Err(missing) => return missing_key(&missing),
        };
        let acquire = match entity {
            Entity::Address(text) => limiter.acquire(text, &*resource),
            Entity::Id(id) => limiter.acquire(id, &*resource),
        };
        Admission::Acquire(rules.complete(acquire, head).start())
    }

    /// What the decision means for the request.
    pub(super) fn decide(&self, limiter: &RateLimiter, result: Result<crate::Lease, Error>) -> Decision {
        let rules = &*self.rules;
        match result {
            Ok(lease) => Decision::Granted(Holder::new(lease, rules.shares_lease)),
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
    pub(super) fn settle<B>(&self, lease: &Held, response: &mut Response<B>) {
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
            let statuses = lease.statuses();
            headers::report(response.headers_mut(), &rules.policy_field, &statuses, rules.report);
        }
    }
}

impl Rules {
    /// What is asked for; `None` where the request passes unlimited.
    fn resource(&self, head: &RequestHead<'_>) -> Result<Option<Cow<'_, Resource>>, MissingKey> {
        if let Some(resource) = &self.fixed_resource {
            return Ok(Some(Cow::Borrowed(resource)));
        }
        let found = self.resource.extract(head).and_then(|key| named("the resource", key.into_resource()));
        match found {
            Ok(resource) => Ok(Some(Cow::Owned(resource))),
            Err(missing) if self.skips(&missing) => Ok(None),
            Err(missing) => Err(missing),
        }
    }

    /// Who asks; `None` where the request passes unlimited.
    fn entity(&self, head: &RequestHead<'_>) -> Result<Option<Entity>, MissingKey> {
        let found = self.entity.extract(head).and_then(|key| match key.address().and_then(AddressText::new) {
            Some(text) => Ok(Entity::Address(text)),
            None => named("the entity", key.into_entity()).map(Entity::Id),
        });
        match (found, &self.on_missing_key) {
            (Ok(entity), _) => Ok(Some(entity)),
            (Err(missing), OnMissingKey::Entity(shared)) if !is_setup(&missing) => Ok(Some(Entity::Id(shared.clone()))),
            (Err(missing), _) if self.skips(&missing) => Ok(None),
            (Err(missing), _) => Err(missing),
        }
    }

    fn skips(&self, missing: &MissingKey) -> bool {
        self.on_missing_key == OnMissingKey::Skip && !is_setup(missing)
    }

    /// The acquire with all that the policy says about it.
    fn complete(&self, acquire: Acquire, head: &RequestHead<'_>) -> Acquire {
        let acquire = match &self.limits {
            PolicyLimits::Stored => acquire,
            PolicyLimits::StoredOr(limits) => acquire.default_limits(limits),
            PolicyLimits::Exactly(limits) => acquire.limits(limits),
        };
        let acquire = if self.without_parent { acquire.without_parent() } else { acquire };
        let acquire = match self.prefetch {
            Some(prefetch) => acquire.prefetch(prefetch),
            None => acquire,
        };
        if self.estimates.is_empty() {
            return if self.cost.is_empty() { acquire } else { acquire.costs(&self.cost) };
        }
        let mut cost = self.cost.clone();
        for (limit, estimate) in &self.estimates {
            if let Some(tokens) = estimate.estimate(head) {
                cost.set(limit.clone(), tokens);
            }
        }
        acquire.costs(&cost)
    }
}

/// Who asks.
enum Entity {
    Id(EntityId),
    /// An address, that mostly need not become an id.
    Address(AddressText),
}

fn named<N>(what: &'static str, name: Result<N, Invalid>) -> Result<N, MissingKey> {
    name.map_err(|error| match error {
        Invalid::Key(_) => MissingKey::absent(what),
        // A name that the server chose itself.
        error => MissingKey::setup(format!("{what} key of a rate limit policy: {error}")),
    })
}

fn missing_key(missing: &MissingKey) -> Admission {
    if let Reason::Setup(message) = missing.reason() {
        telemetry::setup(message);
    }
    Admission::Answer(answer::missing(missing))
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
