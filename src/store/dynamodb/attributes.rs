//! The names of keys, indexes and attributes. No other module contains these texts.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::model::{AuditSubject, BucketKey, ConfigScope, EntityId, LimitName, Resource};

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(super) const PK: &str = "PK";
pub(super) const SK: &str = "SK";

/// The hash keys and range keys of the indexes, in the order of the index numbers.
pub(super) const INDEX_KEYS: [(&str, &str); 4] = [
    ("GSI1PK", "GSI1SK"),
    ("GSI2PK", "GSI2SK"),
    ("GSI3PK", "GSI3SK"),
    ("GSI4PK", "GSI4SK"),
];

pub(super) const ENTITY_ID: &str = "entity_id";
pub(super) const RESOURCE: &str = "resource";
pub(super) const SHARD_COUNT: &str = "shard_count";
pub(super) const CASCADE: &str = "cascade";
pub(super) const PARENT_ID: &str = "parent_id";
/// The generation of an entity's link to its parent, on the entity and on its buckets.
pub(super) const GENERATION: &str = "pgen";
/// The incarnation of an entity, on the entity and on its buckets.
pub(super) const INCARNATION: &str = "pinc";
/// The time up to which the tokens of all limits of the item are refilled, epoch ms.
pub(super) const REFILLED_AT: &str = "rf";
/// The [`REFILLED_AT`] that the last write of this crate set, epoch ms.
pub(super) const OWN_ANCHOR: &str = "la";
/// The time from which the item counts as gone, epoch seconds.
pub(super) const EXPIRES_AT: &str = "ttl";
/// The id of the last write by this crate.
pub(super) const LAST_WRITE: &str = "lw";

/// Present while every acquire is refused.
pub(super) const DISABLED: &str = "disabled";
/// The time up to which acquires are only counted, epoch ms.
pub(super) const BYPASS: &str = "bypass";
/// The time up to which tokens may be spent without a refill, epoch ms.
pub(super) const VALID_UNTIL: &str = "vu";
/// The schedule by which the parameters of the item's limits change.
pub(super) const SCHEDULE: &str = "sched";
/// The ending of a limit's own such schedule.
const LIMIT_SCHEDULE: &str = "_sched";
/// The reset schedule of the item's quotas that have none of their own.
pub(super) const RESET_SCHEDULE: &str = "rsched";
/// The time zone of all schedules of the item.
pub(super) const ZONE: &str = "sched_tz";
/// The schedule attribute's value for a limit without a schedule.
pub(super) const NO_SCHEDULE: &str = "-";

/// Returns the attribute with the time up to which the limit refuses nothing, epoch ms.
pub(super) fn soft_attribute(limit: &str) -> String {
    format!("b_{limit}_soft")
}

/// Returns the name of the limit that the attribute makes soft, if it is such an attribute.
pub(super) fn limit_of_soft(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_soft")
}

/// Returns `true` if the attribute of a bucket defines a schedule of parameters.
pub(super) fn is_schedule(attribute: &str) -> bool {
    match attribute.strip_prefix("b_") {
        Some(_) => attribute.ends_with(LIMIT_SCHEDULE),
        None => attribute == SCHEDULE,
    }
}

/// The sort key of a bucket shard.
pub(super) const STATE: &str = "#STATE";

/// The internal limit that counts the writes on an item: 1000 per second.
pub(super) const PRESSURE: &str = "wcu";
pub(super) const PRESSURE_CAPACITY: i64 = 1_000_000;
pub(super) const PRESSURE_PERIOD: i64 = 1000;

/// A field of a limit in a bucket item, in millitokens and milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitField {
    Tokens,
    Capacity,
    RefillAmount,
    RefillPeriod,
    Consumed,
    /// The remainder of the last refill's division. Only this crate writes the remainder.
    Remainder,
    /// The limit's own schedule of parameters.
    Schedule,
    /// The quota's own reset schedule.
    ResetSchedule,
    /// The length of the quota's sessions, seconds.
    SessionLength,
    /// The time at which the session began, epoch ms.
    SessionStart,
    /// The session start that the tokens belong to, epoch ms.
    SessionApplied,
    /// The consumption counter when a sibling shard opened the session.
    SessionMark,
    /// The shard count for which the quota's tokens were granted.
    GrantCount,
    /// The tokens that were added for this period alone.
    ToppedUp,
    /// The number of resets by operators.
    Resets,
}

impl LimitField {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Tokens => "tk",
            Self::Capacity => "cp",
            Self::RefillAmount => "ra",
            Self::RefillPeriod => "rp",
            Self::Consumed => "tc",
            Self::Remainder => "fr",
            Self::Schedule => "sched",
            Self::ResetSchedule => "rsched",
            Self::SessionLength => "rsa",
            Self::SessionStart => "ws",
            Self::SessionApplied => "wa",
            Self::SessionMark => "wtc",
            Self::GrantCount => "gc",
            Self::ToppedUp => "tu",
            Self::Resets => "rn",
        }
    }
}

/// Returns the attribute of a limit's field.
pub(super) fn limit_attribute(limit: &str, field: LimitField) -> String {
    // Built without `format!`, which is slower: a write names dozens of attributes.
    let mut attribute = String::with_capacity(limit.len() + 9);
    for part in ["b_", limit, "_", field.suffix()] {
        attribute.push_str(part);
    }
    attribute
}

/// Returns the name of the limit whose tokens the attribute holds, if it holds tokens.
pub(super) fn limit_of_tokens(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_tk")
}

/// Returns the name of the limit whose capacity the attribute holds, if it holds a capacity.
pub(super) fn limit_of_capacity(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_cp")
}

/// Returns `name` as the name of a limit; `None` if it is the name of the internal limit.
pub(super) fn user_limit(name: &str) -> Option<LimitName> {
    LimitName::new(name).ok()
}

/// Returns the partition key of a bucket shard.
pub(super) fn bucket_key(namespace: &str, key: &BucketKey) -> String {
    format!(
        "{namespace}/BUCKET#{}#{}#{}",
        key.entity, key.resource, key.shard
    )
}

/// Returns the beginning of the partition keys of all buckets.
pub(super) fn bucket_prefix(namespace: &str) -> String {
    format!("{namespace}/BUCKET#")
}

/// Returns the index keys of a bucket shard's item.
pub(super) fn bucket_index_keys(namespace: &str, key: &BucketKey) -> [(&'static str, String); 6] {
    let BucketKey {
        entity,
        resource,
        shard,
    } = key;
    [
        ("GSI2PK", format!("{namespace}/RESOURCE#{resource}")),
        ("GSI2SK", format!("BUCKET#{entity}#{shard}")),
        ("GSI3PK", format!("{namespace}/ENTITY#{entity}")),
        ("GSI3SK", format!("BUCKET#{resource}#{shard}")),
        ("GSI4PK", namespace.to_owned()),
        ("GSI4SK", format!("BUCKET#{entity}#{resource}#{shard}")),
    ]
}

/// The namespace of the table's registry.
pub(super) const REGISTRY: &str = "_";
/// The partition key of the registry.
pub(super) const REGISTRY_KEY: &str = "_/SYSTEM#";
pub(super) const VERSION: &str = "#VERSION";

/// Returns the sort key of the namespace record that is found by name.
pub(super) fn namespace_by_name(name: &str) -> String {
    format!("#NAMESPACE#{name}")
}

/// Returns the sort key of the namespace record that is found by id.
pub(super) fn namespace_by_id(id: &str) -> String {
    format!("#NSID#{id}")
}

/// The sort key of an entity.
pub(super) const META: &str = "#META";
/// The sort key of the system's config and of a resource's config.
pub(super) const CONFIG: &str = "#CONFIG";
/// The prefix of the sort keys of an entity's configs.
pub(super) const ENTITY_CONFIG: &str = "#CONFIG#";
/// The word that replaces the resource in an entity's config for all resources.
pub(super) const ALL_RESOURCES: &str = "_default_";
/// The sort key of the list of resources with default limits.
pub(super) const RESOURCES: &str = "#RESOURCES";
/// The sort key of the item that counts entity configs per resource.
pub(super) const ENTITY_CONFIG_RESOURCES: &str = "#ENTITY_CONFIG_RESOURCES";
/// The prefix of the sort keys of audit events.
pub(super) const AUDIT: &str = "#AUDIT#";

/// The prefix of the sort keys of the records of operations.
pub(super) const OPERATION: &str = "#OP#";
/// The prefix of the sort keys of usage snapshots.
pub(super) const USAGE: &str = "#USAGE#";
/// The prefix of the index sort keys of a resource's usage snapshots.
pub(super) const USAGE_BY_RESOURCE: &str = "USAGE#";

/// Returns the partition key of the system's config and of the resource lists.
pub(super) fn system_key(namespace: &str) -> String {
    format!("{namespace}/SYSTEM#")
}

/// Returns the partition key of a resource's config.
pub(super) fn resource_key(namespace: &str, resource: &Resource) -> String {
    format!("{namespace}/RESOURCE#{resource}")
}

/// Returns the partition key of an entity and its configs.
pub(super) fn entity_key(namespace: &str, entity: &EntityId) -> String {
    format!("{namespace}/ENTITY#{entity}")
}

/// Returns the partition key of a subject's history.
pub(super) fn audit_key(namespace: &str, subject: &AuditSubject) -> String {
    format!("{namespace}/AUDIT#{subject}")
}

/// Returns the partition key and the sort key of a scope's config.
pub(super) fn config_key(namespace: &str, scope: &ConfigScope) -> (String, String) {
    match scope {
        ConfigScope::System => (system_key(namespace), CONFIG.into()),
        ConfigScope::Resource(resource) => (resource_key(namespace, resource), CONFIG.into()),
        ConfigScope::Entity(entity) => (
            entity_key(namespace, entity),
            format!("{ENTITY_CONFIG}{ALL_RESOURCES}"),
        ),
        ConfigScope::EntityResource(entity, resource) => (
            entity_key(namespace, entity),
            format!("{ENTITY_CONFIG}{resource}"),
        ),
    }
}

/// Returns the hash key under which an index lists the children of an entity.
pub(super) fn children_key(namespace: &str, parent: &EntityId) -> String {
    format!("{namespace}/PARENT#{parent}")
}

/// Returns the hash key under which an index lists the entities with limits for a resource.
pub(super) fn entities_with_config_key(namespace: &str, resource: &str) -> String {
    format!("{namespace}/ENTITY_CONFIG#{resource}")
}
