//! A bucket as `tollgate bucket show` prints it.

use serde::Serialize;
use tollgate::{
    EntityId, Resource,
    model::{BucketState, ConfigSource, ResolvedLimits},
};

use super::shard::ShardReport;

/// A bucket with all its shards.
#[derive(Debug, Serialize)]
pub(super) struct BucketReport {
    pub(super) entity: String,
    pub(super) resource: String,
    /// The level that the stored limits come from; `None` if none are stored.
    pub(super) limits_from: Option<ConfigSource>,
    /// The limits that the next write brings to the bucket.
    pub(super) stored_limits: Vec<tollgate::Limit>,
    pub(super) shards: Vec<ShardReport>,
}

impl BucketReport {
    /// Describes a bucket at `now` (epoch ms).
    pub(super) fn new(
        (entity, resource): (&EntityId, &Resource),
        shards: &[BucketState],
        stored: Option<&ResolvedLimits>,
        now: i64,
    ) -> Self {
        let stored_limits = stored.map(|stored| stored.limits.iter().cloned().collect());
        Self {
            entity: entity.to_string(),
            resource: resource.to_string(),
            limits_from: stored.map(|stored| stored.source),
            stored_limits: stored_limits.unwrap_or_default(),
            shards: shards
                .iter()
                .map(|state| ShardReport::new(state, now))
                .collect(),
        }
    }
}
