//! Runs before the inner service: finds the entity, the resource and the cost of a request, and
//! starts the acquire.

use std::{borrow::Cow, sync::Arc};

use http::{
    Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

use crate::layer::{
    BoundLimiter, MissingKey, OnMissingKey, Policy, RateLimitStatus, RefusalReason, RequestHead,
    keys::{
        address::{AddressText, Network},
        missing::Reason,
        peer,
    },
    lease::{lease_slot::LeaseSlot, status::Passed},
    policy::{ChargeRules, Rules, Subject},
    request::outcome::Decision,
    terms::PolicyLimits,
};
use crate::{
    error::{Invalid, code},
    limiter::{Acquire, AcquireFuture, RateLimiter, Started},
    model::{Cost, EntityId, IntoName, Resource},
    telemetry::{self, Exempt},
};

/// The next step for a request.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The request is decided.
    Decided(Decision),
    /// The request passes unlimited.
    Unlimited,
    /// The request passes with the lease that it already has, because it has passed the same layer
    /// before.
    AlreadyLeased,
    /// The request passes, and its handler acquires.
    Bound(Box<BoundLimiter>, Arc<LeaseSlot>),
    /// The acquire waits for the store.
    Waiting(Box<AcquireFuture>),
}

impl Admission {
    fn bound((limiter, lease): (BoundLimiter, Arc<LeaseSlot>)) -> Self {
        Self::Bound(Box::new(limiter), lease)
    }
}

impl Policy {
    /// Starts the acquire that the request needs. Also returns the policy that applies to the
    /// request: preflights may have their own.
    pub(crate) fn admit(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
    ) -> (&Self, Admission) {
        if !is_preflight(head) {
            return (self, self.admit_any(limiter, head));
        }
        let subject = &self.rules.subject;
        match &subject.preflights {
            Some(policy) => (policy, policy.admit_any(limiter, head)),
            None if subject.limit_preflights => (self, self.admit_any(limiter, head)),
            None => {
                telemetry::exempt(Exempt::Preflight);
                (self, Admission::Unlimited)
            }
        }
    }

    fn admit_any(&self, limiter: &RateLimiter, head: &RequestHead<'_>) -> Admission {
        let rules = &*self.rules;
        let exempt = rules.subject.exempt.as_deref();
        if let Some(exempt) = exempt {
            match exempt.head(head) {
                Ok(false) => {}
                Ok(true) => return exempted(),
                Err(missing) => return self.missing_key(limiter, head, &missing),
            }
        }
        let resource = match rules.subject.resource(head) {
            Err(missing) if missing.is_setup() => return self.missing_key(limiter, head, &missing),
            resource => resource,
        };
        let mut text = AddressText::new();
        let entity = match rules.subject.entity(head, &mut text) {
            Ok(Some(entity)) => entity,
            Ok(None) => return without_key(),
            Err(missing) => return self.missing_key(limiter, head, &missing),
        };
        if exempt.is_some_and(|exempt| exempt.entity(entity.as_text())) {
            return exempted();
        }
        let resource = match resource {
            Ok(Some(resource)) => resource,
            Ok(None) => return without_key(),
            Err(missing) => return self.missing_key(limiter, head, &missing),
        };
        // A request is charged once for a bucket, even if nested routers apply the same layer
        // twice.
        let mut marks = self.marks(head.extensions);
        if marks.any(|lease| lease.is_for(self, limiter, entity.as_text(), resource.as_str())) {
            return Admission::AlreadyLeased;
        }
        if rules.plain.decision
            && let Some(limits) = rules.limits.own()
            && let Some(decision) = limiter
                .engine()
                .take_one(entity.as_bytes(), &resource, limits)
        {
            return Admission::Decided(self.decide(limiter, head, decision));
        }
        let also = match rules.also_charges(head, entity.as_text(), &resource) {
            Ok(also) => also,
            Err(missing) if rules.subject.skips(&missing) => return without_key(),
            Err(missing) => return self.missing_key(limiter, head, &missing),
        };
        let learned = rules.cost.key(|| entity.as_text(), resource.as_str());
        let acquire = match entity {
            RequestEntity::Address(text) => limiter.acquire(text, &*resource),
            RequestEntity::Id(id) => limiter.acquire(id, &*resource),
        };
        let acquire = rules.complete(acquire, head, learned);
        let acquire = also.into_iter().fold(acquire, AddedCharge::on);
        if rules.decision.in_handler {
            return Admission::bound(BoundLimiter::new(acquire, limiter.clone(), self.clone()));
        }
        match acquire.start() {
            Started::Now(result) => Admission::Decided(self.decide(limiter, head, result)),
            Started::Later(acquire) => Admission::Waiting(Box::new(acquire)),
        }
    }

    fn missing_key(
        &self,
        limiter: &RateLimiter,
        head: &RequestHead<'_>,
        missing: &MissingKey,
    ) -> Admission {
        if let Reason::Setup(mistake) = missing.reason() {
            telemetry::setup(mistake.code, &mistake.message);
        }
        if self.rules.decision.is_shadow() {
            let status = RateLimitStatus::passed(Passed::Refused, true);
            if self.rules.decision.in_handler {
                return Admission::bound(BoundLimiter::uncharged(status, self.clone()));
            }
            return Admission::Decided(Decision::Pass(LeaseSlot::uncharged(status, self.clone())));
        }
        let reason = RefusalReason::without_key(missing);
        Admission::Decided(Decision::Answer(Box::new(self.refuse(
            &|| limiter.now(),
            head.into(),
            Some(head),
            reason,
        ))))
    }
}

impl Subject {
    /// Returns the resource that the request asks for; `None` if the request passes unlimited.
    fn resource(&self, head: &RequestHead<'_>) -> Result<Option<Cow<'_, Resource>>, MissingKey> {
        if let Some(resource) = &self.fixed_resource {
            return Ok(Some(Cow::Borrowed(resource)));
        }
        let found = self
            .resource
            .extract(head)
            .and_then(|key| named("resource", key.into_resource()));
        match found {
            Ok(resource) => Ok(Some(Cow::Owned(resource))),
            Err(missing) if self.skips(&missing) => Ok(None),
            Err(missing) => Err(missing),
        }
    }

    /// Returns the entity that asks; `None` if the request passes unlimited.
    #[inline]
    fn entity<'a>(
        &self,
        head: &RequestHead<'_>,
        text: &'a mut AddressText,
    ) -> Result<Option<RequestEntity<'a>>, MissingKey> {
        if self.is_peer
            && let Ok(address) = peer::address(head)
            && text.write(Network::usual(address))
        {
            return Ok(Some(RequestEntity::Address(text)));
        }
        self.any_entity(head, text)
    }

    fn any_entity<'a>(
        &self,
        head: &RequestHead<'_>,
        text: &'a mut AddressText,
    ) -> Result<Option<RequestEntity<'a>>, MissingKey> {
        let found = self
            .entity
            .extract(head)
            .and_then(|key| match key.network() {
                Some(network) if text.write(network) => Ok(RequestEntity::Address(text)),
                _ => named("entity", key.into_entity()).map(RequestEntity::Id),
            });
        match (found, &self.on_missing_key) {
            (Ok(entity), _) => Ok(Some(entity)),
            (Err(missing), OnMissingKey::Entity(shared)) if !missing.is_setup() => {
                Ok(Some(RequestEntity::Id(shared.clone())))
            }
            (Err(missing), _) if self.skips(&missing) => Ok(None),
            (Err(missing), _) => Err(missing),
        }
    }

    fn skips(&self, missing: &MissingKey) -> bool {
        self.on_missing_key == OnMissingKey::Skip && !missing.is_setup()
    }
}

impl Rules {
    /// Adds the settings of the policy to the acquire.
    fn complete(&self, acquire: Acquire, head: &RequestHead<'_>, learned: u64) -> Acquire {
        let acquire = match &self.limits {
            PolicyLimits::Stored => acquire,
            PolicyLimits::StoredOr(limits) => acquire.default_limits(limits),
            PolicyLimits::Exactly(limits) => acquire.limits(limits),
        };
        let acquire = if self.decision.without_parent {
            acquire.without_parent()
        } else {
            acquire
        };
        let acquire = if self.decision.in_one_transaction {
            acquire.in_one_transaction()
        } else {
            acquire
        };
        let acquire = acquire.fallback(self.decision.fallback.as_ref());
        let acquire = match self.decision.prefetch {
            Some(prefetch) => acquire.prefetch(prefetch),
            None => acquire,
        };
        match (self.cost.is_fixed(), self.cost.fixed.is_empty()) {
            (true, true) => acquire,
            (true, false) => acquire.costs(&self.cost.fixed),
            (false, _) => acquire.costs(&self.cost.estimate(learned, head, self.limits.exactly())),
        }
    }
}

/// A resource that a request is charged for in addition to its own one.
struct AddedCharge<'a> {
    rules: &'a ChargeRules,
    resource: Resource,
    cost: Cost,
}

impl AddedCharge<'_> {
    /// Adds the charge to the acquire.
    fn on(acquire: Acquire, charge: Self) -> Acquire {
        let Self {
            rules,
            resource,
            cost,
        } = charge;
        let acquire = acquire.also(resource.clone(), cost);
        match &rules.limits {
            PolicyLimits::Stored => acquire,
            PolicyLimits::StoredOr(limits) => {
                acquire.also_default_limits(resource.as_str(), limits)
            }
            PolicyLimits::Exactly(limits) => acquire.also_limits(resource.as_str(), limits),
        }
    }
}

impl Rules {
    /// Returns the resources that the request is charged for in addition to `own`.
    #[inline]
    fn also_charges(
        &self,
        head: &RequestHead<'_>,
        entity: &str,
        own: &Resource,
    ) -> Result<Vec<AddedCharge<'_>>, MissingKey> {
        let mut charges: Vec<AddedCharge<'_>> = Vec::new();
        for rules in &self.also {
            let resource = match &rules.fixed {
                Some(resource) => resource.clone(),
                None => rules
                    .resource
                    .extract(head)
                    .and_then(|key| named("resource", key.into_resource()))?,
            };
            let is_repeated = charges.iter().any(|charge| charge.resource == resource);
            if is_repeated || resource == *own {
                return Err(MissingKey::absent("resource"));
            }
            let learned = rules.cost.key(|| entity, resource.as_str());
            let cost = if rules.cost.is_fixed() {
                rules.cost.fixed.clone()
            } else {
                rules.cost.estimate(learned, head, rules.limits.exactly())
            };
            charges.push(AddedCharge {
                rules,
                resource,
                cost,
            });
        }
        Ok(charges)
    }
}

/// The entity that asks.
enum RequestEntity<'a> {
    Id(EntityId),
    /// An address. Its text is enough to find the bucket of most requests, so no id is made of it
    /// yet.
    Address(&'a AddressText),
}

impl RequestEntity<'_> {
    fn as_text(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Address(text) => text.as_text(),
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Id(id) => id.as_str().as_bytes(),
            Self::Address(text) => text.as_bytes(),
        }
    }
}

fn named<N>(what: &'static str, name: Result<N, Invalid>) -> Result<N, MissingKey> {
    name.map_err(|error| match error {
        Invalid::Key(_) => MissingKey::absent(what),
        // The server itself has chosen the name, so the server is misconfigured.
        error => MissingKey::mistake(
            code::NO_NAME,
            format!("the {what} key of a rate limit policy: {error}"),
        ),
    })
}

fn exempted() -> Admission {
    telemetry::passed(false);
    Admission::Unlimited
}

fn without_key() -> Admission {
    telemetry::exempt(Exempt::NoKey);
    Admission::Unlimited
}

/// Returns true if the request is a CORS preflight, which the browser sends on its own.
#[inline]
fn is_preflight(head: &RequestHead<'_>) -> bool {
    *head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
