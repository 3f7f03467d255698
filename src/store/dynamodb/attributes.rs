//! The names of keys, indexes and attributes: the only place that knows them.

use crate::model::{BucketKey, LimitName};

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
/// When all limits of the item were last refilled, epoch ms.
pub(super) const REFILLED_AT: &str = "rf";
/// When the item counts as gone, epoch seconds.
pub(super) const EXPIRES_AT: &str = "ttl";
/// The id of the last write of ours.
pub(super) const LAST_WRITE: &str = "lw";

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
    fn suffix(self) -> &'static str {
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
    format!("b_{limit}_{}", field.suffix())
}

/// The name of the limit whose tokens the attribute holds, if it is one.
pub(super) fn limit_of_tokens(attribute: &str) -> Option<&str> {
    attribute.strip_prefix("b_")?.strip_suffix("_tk")
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
