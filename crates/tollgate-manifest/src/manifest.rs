//! A manifest: the configs that a file declares.

use tollgate::model::{ConfigScope, NamespaceName, StoredConfig};

/// The limits of one namespace, as a file declares them.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    namespace: NamespaceName,
    entries: Vec<ManifestEntry>,
}

/// The config of one scope in a manifest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ManifestEntry {
    /// The scope.
    pub scope: ConfigScope,
    /// The limits, the access and the cascade rule. A flag that is `None` is to be removed if it is
    /// stored.
    pub config: StoredConfig,
    /// The line of the file; `None` if the manifest was made from something else.
    pub line: Option<usize>,
}

impl ManifestEntry {
    /// Returns an entry.
    pub fn new(scope: ConfigScope, config: StoredConfig) -> Self {
        Self {
            scope,
            config,
            line: None,
        }
    }
}

impl Manifest {
    /// Returns a manifest with these entries. The last of several for one scope counts.
    pub fn new(namespace: NamespaceName, entries: impl IntoIterator<Item = ManifestEntry>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.reverse();
        entries.sort_by(|one, other| order(&one.scope).cmp(&order(&other.scope)));
        entries.dedup_by(|one, other| one.scope == other.scope);
        Self { namespace, entries }
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &NamespaceName {
        &self.namespace
    }

    /// Returns the entries: the system, the resources by name, the entities by id and resource.
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// Returns the config of a scope.
    pub fn get(&self, scope: &ConfigScope) -> Option<&StoredConfig> {
        let found = self
            .entries
            .binary_search_by(|entry| order(&entry.scope).cmp(&order(scope)));
        let entry = self.entries.get(found.ok()?)?;
        Some(&entry.config)
    }
}

/// Returns the place of a scope among others: its level, the entity and the resource.
pub(crate) fn order(scope: &ConfigScope) -> (u8, &str, &str) {
    match scope {
        ConfigScope::System => (0, "", ""),
        ConfigScope::Resource(resource) => (1, resource.as_str(), ""),
        ConfigScope::Entity(entity) => (2, entity.as_str(), ALL_RESOURCES),
        ConfigScope::EntityResource(entity, resource) => (2, entity.as_str(), resource.as_str()),
        // A level that this crate does not know comes last.
        _ => (3, "", ""),
    }
}

/// The word in the place of the resource for an entity's config for all resources.
pub(crate) const ALL_RESOURCES: &str = "_default_";
