//! Settings of the limits.

use super::PolicyBuilder;
use crate::model::Limit;

/// Settings of the limits.
impl PolicyBuilder {
    /// Adds a limit that applies instead of stored ones. A request is charged for all limits of a
    /// policy, or for none.
    ///
    /// A policy without limits uses the limits that are stored in the table. If none are stored,
    /// its requests are answered with 500.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.exactly.push(limit);
        self
    }

    /// Adds a limit for entities and resources for which no limits are stored at any level. A
    /// default limit has no effect together with [`limit`](Self::limit).
    pub fn default_limit(mut self, limit: Limit) -> Self {
        self.limits.default.push(limit);
        self
    }
}
