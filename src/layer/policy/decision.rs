//! How a request is decided, and what holds where there is no decision.

use super::PolicyBuilder;
use crate::{limiter::Prefetch, model::StoredOnUnavailable};

/// How a request is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::layer) struct DecisionRules {
    pub(in crate::layer) on_unavailable: OnUnavailable,
    pub(in crate::layer) without_parent: bool,
    pub(in crate::layer) prefetch: Option<Prefetch>,
}

/// What becomes of a request that the store gives no decision for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnavailable {
    /// What the system's stored config says, as it was last seen; answered with 503 where it says
    /// nothing.
    #[default]
    Stored,
    /// Answered with 503.
    Block,
    /// Passed on unlimited, without a lease.
    Allow,
}

impl OnUnavailable {
    /// Whether the request passes, where the stored config says `stored`.
    pub(in crate::layer) fn allows(self, stored: Option<StoredOnUnavailable>) -> bool {
        match self {
            Self::Stored => stored == Some(StoredOnUnavailable::Allow),
            Self::Block => false,
            Self::Allow => true,
        }
    }
}

/// Decisions.
impl PolicyBuilder {
    /// Charges the entity's own bucket alone, and does not look whether it has a parent: that
    /// saves the first request of an entity and resource one round trip.
    pub fn without_parent(mut self) -> Self {
        self.decision.without_parent = true;
        self
    }

    /// Takes tokens ahead and grants from memory: see [`Prefetch`] for what that costs.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.decision.prefetch = Some(prefetch);
        self
    }

    /// What becomes of a request for which the store gives no decision within the acquire's
    /// deadline. Default: [`OnUnavailable::Stored`].
    pub fn on_unavailable(mut self, action: OnUnavailable) -> Self {
        self.decision.on_unavailable = action;
        self
    }
}
