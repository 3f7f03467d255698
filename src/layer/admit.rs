//! Before the inner service: who asks, for what, and at what cost.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    Method, Response,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

use super::{
    MissingKey, OnMissingKey, Policy, RequestHead, answer,
    keys::{address::AddressText, missing::Reason},
    policy::{PolicyLimits, Rules, Subject},
};
use crate::{
    error::Invalid,
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

impl Policy {
    /// Asks for what the request needs.
    pub(super) fn admit(&self, limiter: &RateLimiter, head: &RequestHead<'_>) -> Admission {
        let rules = &*self.rules;
        if !rules.subject.limit_preflights && is_preflight(head) {
            return Admission::Pass;
        }
        let resource = match rules.subject.resource(head) {
            Ok(Some(resource)) => resource,
            Ok(None) => return Admission::Pass,
            Err(missing) => return missing_key(&missing),
        };
        let entity = match rules.subject.entity(head) {
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
}

impl Subject {
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
}

impl Rules {
    /// The acquire with all that the policy says about it.
    fn complete(&self, acquire: Acquire, head: &RequestHead<'_>) -> Acquire {
        let acquire = match &self.limits {
            PolicyLimits::Stored => acquire,
            PolicyLimits::StoredOr(limits) => acquire.default_limits(limits),
            PolicyLimits::Exactly(limits) => acquire.limits(limits),
        };
        let acquire = if self.decision.without_parent { acquire.without_parent() } else { acquire };
        let acquire = match self.decision.prefetch {
            Some(prefetch) => acquire.prefetch(prefetch),
            None => acquire,
        };
        if self.cost.estimates.is_empty() {
            return if self.cost.fixed.is_empty() { acquire } else { acquire.costs(&self.cost.fixed) };
        }
        let mut cost = self.cost.fixed.clone();
        for (limit, estimate) in &self.cost.estimates {
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
    Admission::Answer(refusal(missing))
}

/// The answer to a request that cannot be limited.
pub(super) fn refusal(missing: &MissingKey) -> Response<Bytes> {
    if let Reason::Setup(message) = missing.reason() {
        telemetry::setup(message);
    }
    answer::missing(missing)
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
