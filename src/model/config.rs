//! Limits that are stored in the table, on four levels.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Access, EntityId, IntoName, InvalidName, Limit, Limits, Resource};

/// The entities and resources that stored limits apply to.
///
/// The first of these levels that has limits applies: the entity's for the resource, the entity's
/// for all resources, the resource's, the system's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigScope {
    /// All entities and all resources.
    System,
    /// All entities that use the resource.
    Resource(Resource),
    /// The entity, for all resources.
    Entity(EntityId),
    /// The entity, for the resource.
    EntityResource(EntityId, Resource),
}

impl ConfigScope {
    /// Returns the scope of all entities and all resources.
    pub fn system() -> Self {
        Self::System
    }

    /// Returns the scope of all entities that use the resource.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not a valid [`Resource`].
    pub fn resource(resource: impl IntoName<Resource>) -> Result<Self, InvalidName> {
        Ok(Self::Resource(resource.into_name()?))
    }

    /// Returns the scope of the entity, for all resources.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not a valid [`EntityId`].
    pub fn entity(entity: impl IntoName<EntityId>) -> Result<Self, InvalidName> {
        Ok(Self::Entity(entity.into_name()?))
    }

    /// Returns the scope of the entity, for the resource.
    ///
    /// # Errors
    /// [`InvalidName`] if one of the texts is not a valid name.
    pub fn entity_resource(
        entity: impl IntoName<EntityId>,
        resource: impl IntoName<Resource>,
    ) -> Result<Self, InvalidName> {
        Ok(Self::EntityResource(
            entity.into_name()?,
            resource.into_name()?,
        ))
    }

    /// Returns the levels that an acquire looks at. The first one that has limits applies.
    pub fn levels(entity: &EntityId, resource: &Resource) -> [Self; 4] {
        [
            Self::EntityResource(entity.clone(), resource.clone()),
            Self::Entity(entity.clone()),
            Self::Resource(resource.clone()),
            Self::System,
        ]
    }

    /// Returns the source of limits that were found in this scope.
    pub fn source(&self) -> ConfigSource {
        match self {
            Self::System => ConfigSource::System,
            Self::Resource(_) => ConfigSource::Resource,
            Self::Entity(_) => ConfigSource::Entity,
            Self::EntityResource(..) => ConfigSource::EntityResource,
        }
    }
}

/// The source of the limits of an acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConfigSource {
    /// Stored for the entity and the resource.
    EntityResource,
    /// Stored for the entity, for all resources.
    Entity,
    /// Stored for the resource.
    Resource,
    /// Stored for all entities.
    System,
    /// The caller's defaults, because nothing is stored.
    Defaults,
    /// The caller's own limits, which override stored limits.
    Override,
}

impl ConfigSource {
    /// Returns `true` if the limits are the entity's own. Then its buckets never expire.
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

/// Decides about a request if the store gives no decision and the request's policy does not define
/// what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StoredOnUnavailable {
    /// The request is allowed.
    Allow,
    /// The request is refused.
    Block,
}

/// The config of one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct StoredConfig {
    /// The limits, sorted by name. If there are none, the next level applies.
    #[serde(deserialize_with = "sorted")]
    pub limits: Vec<Limit>,
    /// The rule for requests while the store is unavailable. Only in the system's scope.
    pub on_unavailable: Option<StoredOnUnavailable>,
    /// The access to the resource in this scope; `None` if the next level decides. To store a
    /// config with `None` keeps the access that is stored. The system's scope has none.
    #[serde(rename = "disabled")]
    pub access: Option<Access>,
    /// `true` if the parents of entities are charged too, even if the entities say otherwise;
    /// `None` if the next level decides, and finally the entity. To store a config with `None`
    /// keeps what is stored. The system's scope has none.
    pub cascade: Option<bool>,
    /// The days for which the history is kept. Only in the system's scope. Python clients and
    /// deployments of a stack store it, and writing a config keeps it.
    pub audit_retention_days: Option<u32>,
    /// An attribute of a newer Python client that changes the meaning of the limits. This crate
    /// does not understand it, so it cannot enforce the limits.
    pub not_understood: Option<String>,
}

impl StoredConfig {
    /// Returns a config with these limits.
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        Self {
            limits: sort(limits.into_iter().collect()),
            on_unavailable: None,
            access: None,
            cascade: None,
            audit_retention_days: None,
            not_understood: None,
        }
    }
}

impl StoredConfig {
    /// Returns the time zone of the limits' calendars and schedules, if they have some.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.limits.iter().flat_map(Limit::zones).next()
    }
}

/// The days for which the history is kept stand in the system's config, and are no part of its limits.
impl StoredConfig {
    /// Returns the config without the days for which the history is kept.
    pub(crate) fn without_days(&self) -> Self {
        Self {
            audit_retention_days: None,
            ..self.clone()
        }
    }

    /// Returns `true` if the config has the days, and nothing else.
    pub(crate) fn has_only_days(&self) -> bool {
        self.audit_retention_days.is_some() && self.without_days() == Self::default()
    }
}

fn sort(mut limits: Vec<Limit>) -> Vec<Limit> {
    limits.sort_by(|one, other| one.name().cmp(other.name()));
    limits
}

fn sorted<'de, D: Deserializer<'de>>(limits: D) -> Result<Vec<Limit>, D::Error> {
    Vec::deserialize(limits).map(sort)
}

impl StoredConfig {
    /// Returns the same config with a rule for requests while the store is unavailable. Only for
    /// the system's scope.
    #[must_use]
    pub fn with_on_unavailable(mut self, action: StoredOnUnavailable) -> Self {
        self.on_unavailable = Some(action);
        self
    }

    /// Returns the same config with an access to the resource. Not for the system's scope.
    #[must_use]
    pub fn with_access(mut self, access: Access) -> Self {
        self.access = Some(access);
        self
    }

    /// Returns the same config with a rule if the parents of entities are charged too. Not for the
    /// system's scope.
    #[must_use]
    pub fn with_cascade(mut self, cascade: bool) -> Self {
        self.cascade = Some(cascade);
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

/// The limits that an acquire uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedLimits {
    /// The limits.
    pub limits: Limits,
    /// The source of the limits.
    pub source: ConfigSource,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_with_its_limits_in_order() {
        let config = StoredConfig::new([Limit::per_hour("rph", 5), Limit::per_minute("rpm", 60)])
            .with_on_unavailable(StoredOnUnavailable::Allow);
        let mut json = serde_json::to_value(&config).unwrap();
        json["limits"].as_array_mut().unwrap().reverse();
        assert_eq!(
            serde_json::from_value::<StoredConfig>(json).unwrap(),
            config
        );
        let empty = serde_json::from_str::<StoredConfig>("{}").unwrap();
        assert_eq!(empty, StoredConfig::default());
    }
}
