//! The address of a bucket.

use std::sync::LazyLock;

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

    /// Stands for the bucket of what is over.
    pub(crate) fn unknown() -> &'static Self {
        static UNKNOWN: LazyLock<BucketKey> = LazyLock::new(|| {
            BucketKey::new(EntityId::from_valid("unknown".into()), Resource::from_valid("unknown".into()))
        });
        &UNKNOWN
    }
}
