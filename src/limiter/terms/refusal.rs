//! Reasons why a bucket grants nothing, even if it holds tokens.

use crate::{
    error::Error,
    model::{BucketState, DisabledLevel, Limits, Renewal},
};

/// The reason why a bucket grants nothing, even if it is full.
#[derive(Clone, Debug)]
pub(crate) enum BucketRefusal {
    /// The resource is disabled for the entity.
    Disabled(DisabledLevel),
    /// The bucket has this attribute, which changes the meaning of its limits.
    NotUnderstood(String),
    /// A script decided so.
    Scripted(Box<Error>),
}

impl BucketRefusal {
    /// Returns the reason why a bucket in this state grants nothing, or `None` if it may grant.
    pub(crate) fn of(state: &BucketState) -> Option<Self> {
        let stamps = state.stamps.as_deref()?;
        match &stamps.not_understood {
            _ if stamps.disabled => Some(Self::Disabled(DisabledLevel::Bucket)),
            Some(attribute) => Some(Self::NotUnderstood(attribute.clone())),
            None => None,
        }
    }

    /// Returns the reason why a bucket of several shards grants nothing to requests with `limits`:
    /// it cannot have quotas. The reason names the attribute that would say how the quota is
    /// divided.
    pub(crate) fn of_shards(limits: &Limits) -> Option<Self> {
        let quota = limits.iter().find(|limit| limit.is_quota())?;
        Some(Self::NotUnderstood(format!("b_{}_gc", quota.name())))
    }

    /// Returns the reason why a bucket with another calendar grants nothing to requests with
    /// `limits`: the calendars are in two time zones, and an item has one for all of them.
    pub(crate) fn of_zones(state: &BucketState, limits: &Limits) -> Option<Self> {
        let zone = |renewal: Option<&Renewal>| Some(renewal?.calendar()?.zone().to_owned());
        let desired = limits.iter().find_map(|limit| zone(limit.renewal()))?;
        let others = state
            .limits
            .iter()
            .filter(|known| limits.index(known.name.as_str()).is_none());
        let mut zones = others.filter_map(|known| zone(known.renewal()));
        let differs = zones.any(|other| other != desired);
        differs.then(|| Self::NotUnderstood("sched_tz".to_owned()))
    }
}
