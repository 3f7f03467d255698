//! Who is limited, as the table knows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EntityId;

/// An entity that was created. One that was not can be limited all the same: it is a plain entity
/// without a parent.
///
/// ```
/// use tollgate::{EntityId, model::Entity};
///
/// // Charged together with its project.
/// let key = Entity::new(EntityId::new("key-1")?).with_parent(EntityId::new("project-1")?).cascading();
/// assert!(key.cascade);
/// # Ok::<(), tollgate::model::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entity {
    /// Its id.
    pub id: EntityId,
    /// Its name for people.
    pub name: String,
    /// Its parent.
    pub parent: Option<EntityId>,
    /// `true` if what it is charged is charged to its parent too.
    pub cascade: bool,
    /// Anything else.
    pub metadata: BTreeMap<String, String>,
    /// When it was created: epoch seconds.
    pub created_at: i64,
}

impl Entity {
    /// An entity without a parent, named as its id.
    pub fn new(id: EntityId) -> Self {
        Self {
            name: id.as_str().to_owned(),
            id,
            parent: None,
            cascade: false,
            metadata: BTreeMap::new(),
            created_at: 0,
        }
    }

    /// The same entity with a name for people.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same entity with a parent.
    #[must_use]
    pub fn with_parent(mut self, parent: EntityId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// The same entity, whose parent is charged whenever it is.
    #[must_use]
    pub fn cascading(mut self) -> Self {
        self.cascade = true;
        self
    }

    /// The same entity with one more entry of metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// The entity whose bucket is charged too.
    pub fn charged_parent(&self) -> Option<&EntityId> {
        self.parent.as_ref().filter(|_| self.cascade)
    }
}
