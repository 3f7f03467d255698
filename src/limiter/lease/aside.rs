//! What most leases have nothing of.

use std::sync::Arc;

use crate::{
    limiter::recourse::{Recourse, Shadow},
    model::{LimitName, LimitStatus},
};

/// What most leases have nothing of: one of few limits never has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Aside {
    /// `true` if this process has decided alone.
    pub(super) degraded: bool,
    /// Which limits only observe.
    pub(super) recourse: Option<Arc<Recourse>>,
    /// `true` if all of those are left alone: they would have denied the request.
    pub(super) outside: bool,
    /// Those that were short.
    pub(super) short: Vec<LimitStatus>,
}

impl Aside {
    pub(super) fn covers(&self, name: &str) -> bool {
        let shadow = self.recourse.as_ref().map(|recourse| &recourse.shadow);
        shadow.is_some_and(|shadow| LimitName::new(name).is_ok_and(|name| shadow.covers(&name)))
    }

    /// Returns `true` if nothing at all is to be refused.
    pub(super) fn covers_all(&self) -> bool {
        self.recourse.as_ref().is_some_and(|recourse| matches!(recourse.shadow, Shadow::All))
    }

    /// Returns `true` if what is used of the limit is not charged.
    pub(super) fn leaves_alone(&self, name: &str) -> bool {
        (self.outside && self.covers(name)) || self.short.iter().any(|status| *status.limit.name() == name)
    }
}
