//! The address of a bucket.

use std::sync::LazyLock;

use super::{EntityId, Resource};

/// The address of a bucket's shard inside a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BucketKey {
    /// The entity that is limited.
    pub entity: EntityId,
    /// The resource that is used.
    pub resource: Resource,
    /// The number of the bucket's shard; 0 if it has only one.
    pub shard: u32,
}

impl BucketKey {
    /// Returns the key of a bucket's first shard, which is usually the only one.
    pub fn new(entity: EntityId, resource: Resource) -> Self {
        Self {
            entity,
            resource,
            shard: 0,
        }
    }

    /// Returns the key of another shard of the bucket.
    #[must_use]
    pub fn with_shard(mut self, shard: u32) -> Self {
        self.shard = shard;
        self
    }

    /// Returns the borrowed parts of the key.
    pub(crate) fn parts(&self) -> KeyParts<'_> {
        KeyParts {
            entity: &self.entity,
            resource: &self.resource,
            shard: self.shard,
        }
    }
}

/// The borrowed parts of a [`BucketKey`], which need not be stored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyParts<'a> {
    pub(crate) entity: &'a EntityId,
    pub(crate) resource: &'a Resource,
    pub(crate) shard: u32,
}

impl KeyParts<'_> {
    pub(crate) fn to_key(self) -> BucketKey {
        BucketKey {
            entity: self.entity.clone(),
            resource: self.resource.clone(),
            shard: self.shard,
        }
    }

    /// Returns a placeholder for the key of a lease that has ended.
    pub(crate) fn unknown() -> KeyParts<'static> {
        static UNKNOWN: LazyLock<BucketKey> = LazyLock::new(|| {
            BucketKey::new(
                EntityId::from_valid("unknown".into()),
                Resource::from_valid("unknown".into()),
            )
        });
        UNKNOWN.parts()
    }
}
