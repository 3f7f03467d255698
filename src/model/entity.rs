//! Entities, as the table stores them.

use std::{collections::BTreeMap, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{EntityId, seconds};

/// An entity that was created. An entity that was not created can be limited too: it has no parent.
///
/// ```
/// use tollgate::{EntityId, model::Entity};
///
/// // A key that is charged together with its project.
/// let key = Entity::new(EntityId::new("key-1")?).with_parent(EntityId::new("project-1")?).cascading();
/// assert!(key.cascade);
/// # Ok::<(), tollgate::model::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entity {
    /// The id of the entity.
    pub id: EntityId,
    /// The display name of the entity.
    pub name: String,
    /// The parent of the entity.
    pub parent: Option<EntityId>,
    /// `true` if every charge of the entity is also charged to the parent.
    pub cascade: bool,
    /// Other data.
    pub metadata: BTreeMap<String, String>,
    /// The time at which the entity was created, in whole seconds; `None` before that. The
    /// serialized form is epoch seconds.
    #[serde(with = "seconds::optional")]
    pub created_at: Option<SystemTime>,
    /// The generation of the link to the parent: the creation time (epoch ms), plus one for each
    /// move. `None` before the entity is created, and if an old client has created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// A random text of this creation of the entity. An entity that is deleted and created again
    /// has another one. For an entity that an old client has created, its creation time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
}

impl Entity {
    /// Returns an entity without a parent, whose name is its id.
    pub fn new(id: EntityId) -> Self {
        Self {
            name: id.as_str().to_owned(),
            id,
            parent: None,
            cascade: false,
            metadata: BTreeMap::new(),
            created_at: None,
            generation: None,
            incarnation: None,
        }
    }

    /// Returns the same entity with a display name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the same entity with a parent.
    #[must_use]
    pub fn with_parent(mut self, parent: EntityId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Returns the same entity with cascade: its parent is charged whenever it is charged.
    #[must_use]
    pub fn cascading(mut self) -> Self {
        self.cascade = true;
        self
    }

    /// Returns the same entity with one more entry of metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Returns the parent, if it is charged too.
    pub fn charged_parent(&self) -> Option<&EntityId> {
        self.parent.as_ref().filter(|_| self.cascade)
    }
}
