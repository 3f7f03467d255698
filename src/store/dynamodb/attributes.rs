//! The names of keys, indexes and attributes: the only place that knows them.

use crate::model::{AuditSubject, BucketKey, ConfigScope, EntityId, LimitName, Resource};

pub(super) const PK: &str = "PK";
pub(super) const SK: &str = "SK";

/// Index hash keys and range keys, in the order of their numbers.
pub(super) const INDEX_KEYS: [(&str, &str); 4] =
    [("GSI1PK", "GSI1SK"), ("GSI2PK", "GSI2SK"), ("GSI3PK", "GSI3SK"), ("GSI4PK", "GSI4SK")];

pub(super) const ENTITY_ID: &str = "entity_id";
pub(super) const RESOURCE: &str = "resource";
pub(super) const SHARD_COUNT: &str = "shard_count";
pub(super) const CASCADE: &str = "cascade";
pub(super) const PARENT_ID: &str = "parent_id";
/// Which making of the entity a peer has seen: its stamp on the entity and its buckets.
pub(super) const INCARNATION: &str = "pinc";
/// The time up to which the tokens of all limits of the item are refilled, epoch ms.
pub(super) const REFILLED_AT: &str = "rf";
/// The [`REFILLED_AT`] that a write of ours set last, epoch ms.
pub(super) const OWN_ANCHOR: &str = "la";
/// When the item counts as gone, epoch seconds.
pub(super) const EXPIRES_AT: &str = "ttl";
/// The id of the last write of ours.
pub(super) const LAST_WRITE: &str = "lw";

/// There while every acquire is refused.
pub(super) const DISABLED: &str = "disabled";
/// Until when acquires are only counted, epoch ms.
pub(super) const BYPASS: &str = "bypass";
/// Until when the tokens may be spent without a refill, epoch ms.
pub(super) const VALID_UNTIL: &str = "vu";
/// Schedules of the whole item.
pub(super) const SCHEDULES: [&str; 3] = ["sched", "rsched", "sched_tz"];
/// Schedules and windows of a limit.
const LIMIT_SCHEDULES: [&str; 5] = ["_sched", "_rsched", "_ws", "_rsa", "_wa"];
/// What a limit's schedule says where it has none.
pub(super) const NO_SCHEDULE: &str = "-";

/// Until when a limit refuses nothing, epoch ms.
pub(super) fn soft_attribute(limit: &str) -> String {
    format!("b_{limit}_soft")
}

/// The name of the limit that the attribute makes soft, if it does.
pub(super) fn limit_of_soft(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_soft")
}

/// Returns `true` if the attribute of a bucket speaks of a schedule or a quota window.
pub(super) fn is_schedule(attribute: &str) -> bool {
    match attribute.strip_prefix("b_") {
        Some(_) => LIMIT_SCHEDULES.iter().any(|end| attribute.ends_with(end)),
        None => SCHEDULES.contains(&attribute),
    }
}

/// The sort key of a bucket shard.
pub(super) const STATE: &str = "#STATE";

/// The internal limit that measures writes on an item: 1000 a second.
pub(super) const PRESSURE: &str = "wcu";
pub(super) const PRESSURE_CAPACITY: i64 = 1_000_000;
pub(super) const PRESSURE_PERIOD: i64 = 1000;

/// What an item says about a limit, millitokens and milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Tokens,
    Capacity,
    RefillAmount,
    RefillPeriod,
    Consumed,
    /// Ours: what the last refill's division left over.
    Remainder,
}

impl Field {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Tokens => "tk",
            Self::Capacity => "cp",
            Self::RefillAmount => "ra",
            Self::RefillPeriod => "rp",
            Self::Consumed => "tc",
            Self::Remainder => "fr",
        }
    }
}

/// The attribute of a limit.
pub(super) fn limit_attribute(limit: &str, field: Field) -> String {
    // Not formatted: a write names dozens of them.
    let mut attribute = String::with_capacity(limit.len() + 5);
    for part in ["b_", limit, "_", field.suffix()] {
        attribute.push_str(part);
    }
    attribute
}

/// The name of the limit whose tokens the attribute holds, if it is one.
pub(super) fn limit_of_tokens(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_tk")
}

/// The name of the limit whose capacity the attribute holds, if it is one.
pub(super) fn limit_of_capacity(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_cp")
}

/// A limit's name as an item holds it, unless it is the internal one.
pub(super) fn user_limit(name: &str) -> Option<LimitName> {
    LimitName::new(name).ok()
}

/// The partition key of a bucket shard.
pub(super) fn bucket_key(namespace: &str, key: &BucketKey) -> String {
    format!("{namespace}/BUCKET#{}#{}#{}", key.entity, key.resource, key.shard)
}

/// What a bucket shard's item says for the indexes.
pub(super) fn bucket_index_keys(namespace: &str, key: &BucketKey) -> [(&'static str, String); 6] {
    let BucketKey { entity, resource, shard } = key;
    [
        ("GSI2PK", format!("{namespace}/RESOURCE#{resource}")),
        ("GSI2SK", format!("BUCKET#{entity}#{shard}")),
        ("GSI3PK", format!("{namespace}/ENTITY#{entity}")),
        ("GSI3SK", format!("BUCKET#{resource}#{shard}")),
        ("GSI4PK", namespace.to_owned()),
        ("GSI4SK", format!("BUCKET#{entity}#{resource}#{shard}")),
    ]
}

/// The namespace that the registry of a table lives in.
pub(super) const REGISTRY: &str = "_";
/// The partition key of the registry.
pub(super) const REGISTRY_KEY: &str = "_/SYSTEM#";
pub(super) const VERSION: &str = "#VERSION";

/// The sort key of the namespace called `name`.
pub(super) fn namespace_by_name(name: &str) -> String {
    format!("#NAMESPACE#{name}")
}

/// The sort key of the namespace with that id.
pub(super) fn namespace_by_id(id: &str) -> String {
    format!("#NSID#{id}")
}

/// The sort key of an entity.
pub(super) const META: &str = "#META";
/// The sort key of the system's and of a resource's config.
pub(super) const CONFIG: &str = "#CONFIG";
/// The prefix of the sort keys of an entity's configs.
pub(super) const ENTITY_CONFIG: &str = "#CONFIG#";
/// The resource of an entity's config for all resources.
pub(super) const ALL_RESOURCES: &str = "_default_";
/// The sort key of the list of resources with defaults.
pub(super) const RESOURCES: &str = "#RESOURCES";
/// The sort key of the counts of entity configs per resource.
pub(super) const ENTITY_CONFIG_RESOURCES: &str = "#ENTITY_CONFIG_RESOURCES";
/// The prefix of the sort keys of audit events.
pub(super) const AUDIT: &str = "#AUDIT#";

/// The prefix of the sort keys of usage snapshots.
pub(super) const USAGE: &str = "#USAGE#";
/// The prefix of the index's sort keys of a resource's usage snapshots.
pub(super) const USAGE_BY_RESOURCE: &str = "USAGE#";

/// The partition key of what the system knows.
pub(super) fn system_key(namespace: &str) -> String {
    format!("{namespace}/SYSTEM#")
}

/// The partition key of a resource's config.
pub(super) fn resource_key(namespace: &str, resource: &Resource) -> String {
    format!("{namespace}/RESOURCE#{resource}")
}

/// The partition key of an entity and its configs.
pub(super) fn entity_key(namespace: &str, entity: &EntityId) -> String {
    format!("{namespace}/ENTITY#{entity}")
}

/// The partition key of a subject's history.
pub(super) fn audit_key(namespace: &str, subject: &AuditSubject) -> String {
    format!("{namespace}/AUDIT#{subject}")
}

/// Partition key and sort key of a scope's config.
pub(super) fn config_key(namespace: &str, scope: &ConfigScope) -> (String, String) {
    match scope {
        ConfigScope::System => (system_key(namespace), CONFIG.into()),
        ConfigScope::Resource(resource) => (resource_key(namespace, resource), CONFIG.into()),
        ConfigScope::Entity(entity) => (entity_key(namespace, entity), format!("{ENTITY_CONFIG}{ALL_RESOURCES}")),
        ConfigScope::EntityResource(entity, resource) => {
            (entity_key(namespace, entity), format!("{ENTITY_CONFIG}{resource}"))
        }
    }
}

/// The hash key of the index that finds the children of an entity.
pub(super) fn children_key(namespace: &str, parent: &EntityId) -> String {
    format!("{namespace}/PARENT#{parent}")
}

/// The hash key of the index that finds the entities with limits for a resource.
pub(super) fn entities_with_config_key(namespace: &str, resource: &str) -> String {
    format!("{namespace}/ENTITY_CONFIG#{resource}")
}
