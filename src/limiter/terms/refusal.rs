//! Reasons why a bucket grants nothing, even if it holds tokens.

use crate::{
    error::Error,
    model::{BucketState, DisabledLevel, InvalidLimits, LimitState, Limits},
};

/// The reason why a bucket grants nothing, even if it is full.
#[derive(Clone, Debug)]
pub(crate) enum BucketRefusal {
    /// The resource is disabled for the entity.
    Disabled(DisabledLevel),
    /// The bucket has this attribute, which changes the meaning of its limits.
    NotUnderstood(String),
    /// The bucket keeps a calendar or schedule in another time zone.
    Zones(InvalidLimits),
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

    /// Returns the reason why a bucket with other calendars or schedules grants nothing to requests
    /// with `limits`: they are in two time zones, and an item has one for all of them.
    pub(crate) fn of_zones(state: &BucketState, limits: &Limits) -> Option<Self> {
        let desired = limits.zone()?;
        let others = state
            .limits
            .iter()
            .filter(|known| limits.index(known.name.as_str()).is_none());
        let mut zones = others.flat_map(LimitState::zones);
        let other = zones.find(|other| *other != desired)?;
        Some(Self::Zones(InvalidLimits::Zones(
            other.into(),
            desired.into(),
        )))
    }
}
