//! The state of the request's limits, for handlers.

use serde::Serialize;

use crate::{
    limiter::Lease,
    model::{Denied, EntityId, LimitStatus, Resource},
};

/// The state of the limits of the current request.
///
/// The state is a snapshot from the time when the lease was granted, with the adjustments since.
/// With the feature `axum` it is an extractor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RateLimitStatus {
    /// The entity that is limited; `None` if the limits gave no decision.
    pub entity: Option<EntityId>,
    /// The resource that is used; `None` if the limits gave no decision.
    pub resource: Option<Resource>,
    /// All limits of the bucket, followed by those of the parent's bucket, then in the same way
    /// those of each resource that the policy [adds](crate::layer::PolicyBuilder::also). For a
    /// degraded decision they are this process's share.
    pub limits: Vec<LimitStatus>,
    /// `true` if the store gave no decision: the request passed without one, or this process
    /// decided by its share of the limits.
    pub degraded: bool,
    /// The verdict of the limits that only observe; `None` if all limits are enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowVerdict>,
}

/// The verdict of limits that only observe on a request that has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "verdict", content = "limits")]
#[non_exhaustive]
pub enum ShadowVerdict {
    /// The limits would have granted the request. The request is charged for them.
    Granted,
    /// These limits would have denied the request. The request is not charged for them.
    Denied(Vec<LimitStatus>),
    /// The request would have been refused, and no wait would have helped: it asks for more than a
    /// full bucket holds, its resource is disabled, or the server is misconfigured.
    Refused,
    /// The store gave no decision.
    Undecided,
}

/// The reason why a request passes that was not granted.
pub(crate) enum Passed<'a> {
    Undecided,
    /// Limits that only observe would have denied it. The list has those with too few tokens.
    Denied(&'a Denied, Vec<LimitStatus>),
    Refused,
}

impl RateLimitStatus {
    /// Returns the status of a request whose handler has not acquired yet.
    pub(crate) fn open() -> Self {
        Self {
            entity: None,
            resource: None,
            limits: Vec::new(),
            degraded: false,
            shadow: None,
        }
    }

    /// Returns the status of a request that passed without a decision.
    pub(crate) fn undecided() -> Self {
        Self {
            degraded: true,
            ..Self::open()
        }
    }

    /// Returns the status of a request that passes uncharged.
    pub(crate) fn passed(why: Passed<'_>, shadow: bool) -> Self {
        let (status, verdict) = match why {
            Passed::Undecided => (Self::undecided(), ShadowVerdict::Undecided),
            Passed::Refused => (Self::open(), ShadowVerdict::Refused),
            Passed::Denied(
                Denied {
                    entity,
                    resource,
                    limits,
                    ..
                },
                short,
            ) => {
                let (entity, resource) = (Some(entity.clone()), Some(resource.clone()));
                (
                    Self {
                        entity,
                        resource,
                        limits: limits.clone(),
                        ..Self::open()
                    },
                    ShadowVerdict::Denied(short),
                )
            }
        };
        Self {
            shadow: shadow.then_some(verdict),
            ..status
        }
    }

    pub(crate) fn of(lease: &Lease) -> Self {
        Self {
            entity: Some(lease.entity().clone()),
            resource: Some(lease.resource().clone()),
            limits: lease.all_statuses(),
            degraded: lease.is_degraded(),
            shadow: ShadowVerdict::of(lease),
        }
    }

    /// Returns the status of the limit `name`: that of the policy's own resource, if it has one.
    pub fn get(&self, name: &str) -> Option<&LimitStatus> {
        self.limits
            .iter()
            .find(|status| *status.limit.name() == name)
    }
}

impl ShadowVerdict {
    pub(crate) fn of(lease: &Lease) -> Option<Self> {
        match lease.shadow_denials() {
            [] => lease.is_observed().then_some(Self::Granted),
            short => Some(Self::Denied(short.to_vec())),
        }
    }
    /// Returns the limits that would have denied the request.
    pub(crate) fn short(&self) -> &[LimitStatus] {
        match self {
            Self::Denied(limits) => limits,
            _ => &[],
        }
    }
}
