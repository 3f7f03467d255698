//! The address of a bucket.

use super::{EntityId, Resource};

/// The address of a bucket's shard inside a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey {
    /// Who is limited.
    pub entity: EntityId,
    /// What is being used.
    pub resource: Resource,
    /// Which of the bucket's shards; 0 where it has one.
    pub shard: u32,
}

impl BucketKey {
    /// The first (mostly the only) shard of a bucket.
    pub fn new(entity: EntityId, resource: Resource) -> Self {
        Self { entity, resource, shard: 0 }
    }
}
