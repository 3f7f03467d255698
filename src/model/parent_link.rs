//! The parent of an entity, as buckets store it.

use super::{Entity, EntityId};

/// The parent of an entity, as the entity's buckets store it. Python clients use this copy and do
/// not read the entity again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParentLink {
    /// The entity's parent.
    pub parent: Option<EntityId>,
    /// `true` if the parent's bucket is charged too.
    pub cascade: bool,
    /// The generation of the link, and the incarnation of the entity. `None` if an old client has
    /// created the entity.
    pub stamp: Option<OwnerStamp>,
}

impl ParentLink {
    /// Returns the parent of an entity. If it cascades, the parent's bucket is charged too.
    pub fn new(parent: EntityId, cascade: bool) -> Self {
        Self {
            parent: Some(parent),
            cascade,
            stamp: None,
        }
    }

    /// Returns the link of an entity. `cascade` says if its parent is charged too, if it has one.
    pub(crate) fn of(entity: Entity, cascade: bool) -> Self {
        let cascade = cascade && entity.parent.is_some();
        let stamp = entity.generation.zip(entity.incarnation);
        Self {
            parent: entity.parent,
            cascade,
            stamp: stamp.map(|(generation, incarnation)| OwnerStamp {
                generation,
                incarnation,
            }),
        }
    }
}

/// The version of the link between an entity and its parent. A newer version never gives way to an
/// older one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnerStamp {
    /// The [generation](crate::model::Entity::generation) of the link.
    pub generation: i64,
    /// The [incarnation](crate::model::Entity::incarnation) of the entity. Generations of different
    /// incarnations cannot be compared.
    pub incarnation: String,
}

impl OwnerStamp {
    /// Returns the stamp of a generation.
    pub fn new(generation: i64, incarnation: impl Into<String>) -> Self {
        Self {
            generation,
            incarnation: incarnation.into(),
        }
    }

    /// Returns `true` if the other stamp is a later one of the same entity.
    pub(crate) fn is_older_than(&self, other: &Self) -> bool {
        self.incarnation == other.incarnation && self.generation < other.generation
    }
}
