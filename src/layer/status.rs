//! Where the request's limits stand, for handlers.

use serde::Serialize;

use crate::{
    limiter::Lease,
    model::{Denied, EntityId, LimitStatus, Resource},
};

/// Where the limits of the request at hand stand.
///
/// It is a picture of the time when the lease was granted, with what was adjusted since. With the
/// feature `axum` it is an extractor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// Who is limited; `None` where the request passed without a decision.
    pub entity: Option<EntityId>,
    /// What is used; `None` where the request passed without a decision.
    pub resource: Option<Resource>,
    /// Every limit of the bucket, and then of the parent's. Those of a degraded decision are this
    /// process's share.
    pub limits: Vec<LimitStatus>,
    /// `true` if the store gave no decision: the request passed without one, or by this process's share of
    /// the limits.
    pub degraded: bool,
    /// What limits that only observe would have done; `None` where all are enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowVerdict>,
}

/// What limits that only observe would have done with a request that has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "verdict", content = "limits")]
#[non_exhaustive]
pub enum ShadowVerdict {
    /// They would have granted it, and are charged.
    Granted,
    /// These would have denied it. They are not charged.
    Denied(Vec<LimitStatus>),
    /// It would have been refused, and no wait would have helped: it asks for more than a full bucket
    /// holds, its resource is disabled, or the server is set up wrongly.
    Refused,
    /// The store gave no decision.
    Undecided,
}

/// Why a request passes that was not granted.
pub(super) enum Passed<'a> {
    Undecided,
    /// By the limits that only observe, these of which were short.
    Denied(&'a Denied, Vec<LimitStatus>),
    Refused,
}

impl RateLimitStatus {
    /// That of a request whose handler has not acquired yet.
    pub(super) fn open() -> Self {
        Self { entity: None, resource: None, limits: Vec::new(), degraded: false, shadow: None }
    }

    /// The status of a request that passed without a decision.
    pub(super) fn undecided() -> Self {
        Self { degraded: true, ..Self::open() }
    }

    /// The status of a request that passes uncharged.
    pub(super) fn passed(why: Passed<'_>, shadow: bool) -> Self {
        let (status, verdict) = match why {
            Passed::Undecided => (Self::undecided(), ShadowVerdict::Undecided),
            Passed::Refused => (Self::open(), ShadowVerdict::Refused),
            Passed::Denied(Denied { entity, resource, limits, .. }, short) => {
                let (entity, resource) = (Some(entity.clone()), Some(resource.clone()));
                (Self { entity, resource, limits: limits.clone(), ..Self::open() }, ShadowVerdict::Denied(short))
            }
        };
        Self { shadow: shadow.then_some(verdict), ..status }
    }

    pub(super) fn of(lease: &Lease) -> Self {
        Self {
            entity: Some(lease.entity().clone()),
            resource: Some(lease.resource().clone()),
            limits: lease.status(),
            degraded: lease.is_degraded(),
            shadow: ShadowVerdict::of(lease),
        }
    }

    /// The limit `name`.
    pub fn get(&self, name: &str) -> Option<&LimitStatus> {
        self.limits.iter().find(|status| *status.limit.name() == name)
    }
}

impl ShadowVerdict {
    pub(super) fn of(lease: &Lease) -> Option<Self> {
        match lease.shadow_denials() {
            [] => lease.is_observed().then_some(Self::Granted),
            short => Some(Self::Denied(short.to_vec())),
        }
    }
}
