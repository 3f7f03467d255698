//! Patterns of partition keys.

/// The buckets of all namespaces.
pub(super) const BUCKETS: &str = "*/BUCKET#*";

/// The items of entities in all namespaces: records, configs, usage.
pub(super) const ENTITIES: &str = "*/ENTITY#*";

/// The items of the caller's namespace.
pub(super) const NAMESPACE: &str = "${aws:PrincipalTag/zael_namespace_id}/*";

/// The buckets of the caller's namespace.
pub(super) const NAMESPACE_BUCKETS: &str = "${aws:PrincipalTag/zael_namespace_id}/BUCKET#*";

/// The partition of the caller's namespace in the index of all its items.
pub(super) const NAMESPACE_INDEX: &str = "${aws:PrincipalTag/zael_namespace_id}";

/// The items of the table itself: the version record, and who counts its usage.
pub(super) const TABLE_ITEMS: &str = "_/SYSTEM#";

/// The registry: versions, and the names of namespaces.
pub(super) const REGISTRY: &str = "_/*";
