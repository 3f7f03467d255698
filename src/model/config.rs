//! Limits that are stored in the table, on four levels.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EntityId, InvalidName, Limit, Limits, Resource};

/// Whom stored limits are for.
///
/// The first level that has limits gives them: the entity's for the resource, the entity's for
/// all resources, the resource's, the system's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigScope {
    /// Everybody, for every resource.
    System,
    /// Everybody who uses the resource.
    Resource(Resource),
    /// The entity, for every resource.
    Entity(EntityId),
    /// The entity, for the resource.
    EntityResource(EntityId, Resource),
}

impl ConfigScope {
    /// Everybody, for every resource.
    pub fn system() -> Self {
        Self::System
    }

    /// Everybody who uses the resource.
    ///
    /// # Errors
    /// [`InvalidName`] where it is not a [`Resource`].
    pub fn resource(resource: impl AsRef<str>) -> Result<Self, InvalidName> {
        Ok(Self::Resource(Resource::new(resource)?))
    }

    /// The entity, for every resource.
    ///
    /// # Errors
    /// [`InvalidName`] where it is not an [`EntityId`].
    pub fn entity(entity: impl AsRef<str>) -> Result<Self, InvalidName> {
        Ok(Self::Entity(EntityId::new(entity)?))
    }

    /// The entity, for the resource.
    ///
    /// # Errors
    /// [`InvalidName`] where one of them is no name of its kind.
    pub fn entity_resource(entity: impl AsRef<str>, resource: impl AsRef<str>) -> Result<Self, InvalidName> {
        Ok(Self::EntityResource(EntityId::new(entity)?, Resource::new(resource)?))
    }

    /// The levels that an acquire looks at, the first that has limits wins.
    pub fn levels(entity: &EntityId, resource: &Resource) -> [Self; 4] {
        [
            Self::EntityResource(entity.clone(), resource.clone()),
            Self::Entity(entity.clone()),
            Self::Resource(resource.clone()),
            Self::System,
        ]
    }

    /// Where limits found in this scope come from.
    pub fn source(&self) -> ConfigSource {
        match self {
            Self::System => ConfigSource::System,
            Self::Resource(_) => ConfigSource::Resource,
            Self::Entity(_) => ConfigSource::Entity,
            Self::EntityResource(..) => ConfigSource::EntityResource,
        }
    }
}

/// Where the limits of an acquire come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConfigSource {
    /// Stored for the entity and the resource.
    EntityResource,
    /// Stored for the entity, for every resource.
    Entity,
    /// Stored for the resource.
    Resource,
    /// Stored for everybody.
    System,
    /// The caller's defaults: nothing is stored.
    Defaults,
    /// The caller's own: they beat whatever is stored.
    Override,
}

impl ConfigSource {
    /// Returns `true` if the limits are the entity's own: its buckets never count as gone then.
    pub fn is_own(self) -> bool {
        matches!(self, Self::EntityResource | Self::Entity)
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityResource => "entity and resource",
            Self::Entity => "entity",
            Self::Resource => "resource",
            Self::System => "system",
            Self::Defaults => "defaults",
            Self::Override => "override",
        })
    }
}

/// What a request that the store gives no decision for meets, where its policy does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoredOnUnavailable {
    /// It passes.
    Allow,
    /// It is refused.
    Block,
}

/// What is stored in one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredConfig {
    /// The limits, by name; empty where the scope leaves them to the next level.
    pub limits: Vec<Limit>,
    /// In the system's scope: what happens while the store is unavailable.
    pub on_unavailable: Option<StoredOnUnavailable>,
    /// Whether the resource is disabled for whom the scope is for; `None` leaves it to the next level.
    /// Newer peers store it, and writing a config leaves it as it is. The system's scope has none.
    pub disabled: Option<bool>,
    /// Whether entities' parents are charged too, whatever the entities say; `None` leaves it to the
    /// next level, and at last to the entity. Stored by newer peers, like `disabled`.
    pub cascade: Option<bool>,
    /// An attribute that a newer peer has stored and that changes what the limits mean: they
    /// cannot be enforced without understanding it.
    pub not_understood: Option<String>,
}

impl StoredConfig {
    /// A config of these limits.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        let mut limits: Vec<Limit> = limits.into_iter().collect();
        limits.sort_by(|one, other| one.name().cmp(other.name()));
        Self { limits, on_unavailable: None, disabled: None, cascade: None, not_understood: None }
    }
}

impl StoredConfig {
    /// The same config, and what happens while the store is unavailable: for the system's scope.
    #[must_use]
    pub fn with_on_unavailable(mut self, action: StoredOnUnavailable) -> Self {
        self.on_unavailable = Some(action);
        self
    }
}

impl<const N: usize> From<[Limit; N]> for StoredConfig {
    fn from(limits: [Limit; N]) -> Self {
        Self::new(limits)
    }
}

impl From<Vec<Limit>> for StoredConfig {
    fn from(limits: Vec<Limit>) -> Self {
        Self::new(limits)
    }
}

impl From<Limit> for StoredConfig {
    fn from(limit: Limit) -> Self {
        Self::new([limit])
    }
}

impl From<&Limits> for StoredConfig {
    fn from(limits: &Limits) -> Self {
        Self::new(limits.iter().cloned())
    }
}

/// The limits that an acquire goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedLimits {
    /// The limits.
    pub limits: Limits,
    /// Where they come from.
    pub source: ConfigSource,
}
