//! Scopes as the table's records spell them.

use tollgate::{EntityId, Resource, model::ConfigScope};

/// The word in the place of the resource for an entity's config for all resources.
pub(super) const ALL_RESOURCES: &str = "_default_";

/// Returns the level of a scope.
pub(super) fn level(scope: &ConfigScope) -> &'static str {
    match scope {
        ConfigScope::System => "system",
        ConfigScope::Resource(_) => "resource",
        _ => "entity",
    }
}

/// Returns the target of a scope: `RESOURCE`, `ENTITY/RESOURCE`, or nothing for the system.
pub(super) fn target(scope: &ConfigScope) -> String {
    match scope {
        ConfigScope::Resource(resource) => resource.to_string(),
        ConfigScope::Entity(entity) => format!("{entity}/{ALL_RESOURCES}"),
        ConfigScope::EntityResource(entity, resource) => format!("{entity}/{resource}"),
        _ => String::new(),
    }
}

/// Returns the scope of a level and a target. Returns `None` if this version does not know them.
pub(super) fn scope(level: &str, target: &str) -> Option<ConfigScope> {
    match level {
        "system" => Some(ConfigScope::System),
        "resource" => ConfigScope::resource(target).ok(),
        "entity" => {
            // Resources may have slashes, and entities have none.
            let (entity, resource) = target.split_once('/')?;
            of_entity(entity, resource)
        }
        _ => None,
    }
}

/// Returns the scope of an entity and a resource, which may be the word for all resources.
pub(super) fn of_entity(entity: &str, resource: &str) -> Option<ConfigScope> {
    let entity = EntityId::new(entity).ok()?;
    if resource == ALL_RESOURCES {
        return Some(ConfigScope::Entity(entity));
    }
    let resource = Resource::new(resource).ok()?;
    Some(ConfigScope::EntityResource(entity, resource))
}

/// Returns the order of scopes: system, resources by name, entities by id and resource.
pub(super) fn order(scope: &ConfigScope) -> (u8, String) {
    let level = match scope {
        ConfigScope::System => 0,
        ConfigScope::Resource(_) => 1,
        _ => 2,
    };
    (level, target(scope))
}

/// Describes a scope: `resource: gpt-4`.
pub(super) fn described(scope: &ConfigScope) -> String {
    match scope {
        ConfigScope::System => "(system defaults)".into(),
        scope => format!("{}: {}", level(scope), target(scope)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_spelled_and_read() {
        for named in [
            ConfigScope::system(),
            ConfigScope::resource("openai/gpt-4").unwrap(),
            ConfigScope::entity("user-1").unwrap(),
            ConfigScope::entity_resource("user-1", "openai/gpt-4").unwrap(),
        ] {
            assert_eq!(scope(level(&named), &target(&named)), Some(named));
        }
        assert_eq!(scope("entity", "user-1"), None);
        assert_eq!(scope("planet", "earth"), None);
    }
}
