//! Where the request's limits stand, for handlers.

use serde::Serialize;

use crate::model::{EntityId, LimitStatus, Resource};

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
    /// Every limit of the bucket.
    pub limits: Vec<LimitStatus>,
    /// Whether the request passed because the store gave no decision.
    pub degraded: bool,
}

impl RateLimitStatus {
    /// The status of a request that passed without a decision.
    pub(super) fn undecided() -> Self {
        Self { entity: None, resource: None, limits: Vec::new(), degraded: true }
    }

    /// The limit `name`.
    pub fn get(&self, name: &str) -> Option<&LimitStatus> {
        self.limits.iter().find(|status| *status.limit.name() == name)
    }
}
