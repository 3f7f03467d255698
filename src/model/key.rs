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

    /// The same, lent.
    pub(crate) fn parts(&self) -> KeyParts<'_> {
        KeyParts { entity: &self.entity, resource: &self.resource, shard: self.shard }
    }
}

/// A [`BucketKey`] by its parts, which need not stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyParts<'a> {
    pub(crate) entity: &'a EntityId,
    pub(crate) resource: &'a Resource,
    pub(crate) shard: u32,
}

impl KeyParts<'_> {
    pub(crate) fn to_key(self) -> BucketKey {
        BucketKey { entity: self.entity.clone(), resource: self.resource.clone(), shard: self.shard }
    }

    /// Stands for the bucket of what is over.
    pub(crate) fn unknown() -> KeyParts<'static> {
        static UNKNOWN: LazyLock<BucketKey> = LazyLock::new(|| {
            BucketKey::new(EntityId::from_valid("unknown".into()), Resource::from_valid("unknown".into()))
        });
        UNKNOWN.parts()
    }
}
