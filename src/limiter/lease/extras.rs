//! The rare data of a lease.

use std::sync::Arc;

use crate::{
    limiter::terms::{FallbackOptions, Shadow},
    model::{LimitName, LimitStatus, Resource},
};

/// The data that most leases do not have.
#[derive(Clone, Debug, Default)]
pub(super) struct LeaseExtras {
    /// `true` if this process decided without the store.
    pub(super) degraded: bool,
    /// `true` if the lease charges nothing, because the store gave no decision.
    pub(super) uncharged: bool,
    /// The options that say which limits only observe.
    pub(super) fallback: Option<Arc<FallbackOptions>>,
    /// `true` if none of the observing limits is charged, because one of them would have denied the
    /// request.
    pub(super) outside: bool,
    /// The observing limits that were short.
    pub(super) short: Vec<LimitStatus>,
}

impl LeaseExtras {
    pub(super) fn covers(&self, name: &str) -> bool {
        let shadow = self.fallback.as_ref().map(|fallback| &fallback.shadow);
        shadow.is_some_and(|shadow| LimitName::new(name).is_ok_and(|name| shadow.covers(&name)))
    }

    /// Returns `true` if all limits only observe, so that nothing is denied.
    pub(super) fn covers_all(&self) -> bool {
        self.fallback
            .as_ref()
            .is_some_and(|fallback| matches!(fallback.shadow, Shadow::All))
    }

    /// Returns `true` if the use of the limit is not charged. `resource` is `None` for the
    /// request's own resource.
    pub(super) fn leaves_alone(&self, resource: Option<&Resource>, name: &str) -> bool {
        let is_it = |status: &LimitStatus| {
            status.resource.as_ref() == resource && *status.limit.name() == name
        };
        self.uncharged || (self.outside && self.covers(name)) || self.short.iter().any(is_it)
    }
}
