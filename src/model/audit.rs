//! The audit history: changes of entities and limits, and who made them.
#![allow(clippy::disallowed_methods, reason = "no owner yet: random ids")]

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{EntityId, Resource, seconds};

/// The kind of a change. The words are those of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum AuditAction {
    /// An entity was created.
    EntityCreated,
    /// An entity was deleted, with its buckets and limits.
    EntityDeleted,
    /// Limits were stored.
    LimitsSet,
    /// Stored limits were deleted.
    LimitsDeleted,
    /// An entity got another parent, or none.
    EntityParentChanged,
    /// A bucket was reset.
    BucketReset,
    /// Tokens were added to a bucket.
    BucketToppedUp,
    /// An action of a newer Python client.
    Other(String),
}

impl From<String> for AuditAction {
    fn from(word: String) -> Self {
        match word.as_str() {
            "entity_created" => Self::EntityCreated,
            "entity_deleted" => Self::EntityDeleted,
            "limits_set" => Self::LimitsSet,
            "limits_deleted" => Self::LimitsDeleted,
            "entity_parent_changed" => Self::EntityParentChanged,
            "bucket_reset" => Self::BucketReset,
            "bucket_topped_up" => Self::BucketToppedUp,
            _ => Self::Other(word),
        }
    }
}

impl From<AuditAction> for String {
    fn from(action: AuditAction) -> Self {
        action.to_string()
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EntityCreated => "entity_created",
            Self::EntityDeleted => "entity_deleted",
            Self::LimitsSet => "limits_set",
            Self::LimitsDeleted => "limits_deleted",
            Self::EntityParentChanged => "entity_parent_changed",
            Self::BucketReset => "bucket_reset",
            Self::BucketToppedUp => "bucket_topped_up",
            Self::Other(word) => word,
        })
    }
}

/// The subject whose history an event belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuditSubject {
    /// The system's defaults.
    System,
    /// A resource's defaults.
    Resource(Resource),
    /// An entity.
    Entity(EntityId),
}

/// Formats the subject as the table spells it.
impl fmt::Display for AuditSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("$SYSTEM"),
            Self::Resource(resource) => write!(f, "$RESOURCE:{resource}"),
            Self::Entity(entity) => entity.fmt(f),
        }
    }
}

/// A change of an entity or of limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// A ULID. The events of one subject are sorted by it.
    pub event_id: String,
    /// The time of the change, in whole seconds. The serialized form is epoch seconds.
    #[serde(with = "seconds")]
    pub timestamp: SystemTime,
    /// The kind of the change.
    pub action: AuditAction,
    /// The subject: an entity id, `$SYSTEM`, or `$RESOURCE:` and a resource.
    pub entity_id: String,
    /// The resource that the change is limited to.
    pub resource: Option<String>,
    /// The identity that made the change, if it is known.
    pub principal: Option<String>,
    /// The details of the change.
    pub details: Map<String, Value>,
}

impl AuditEvent {
    /// Returns an event at `now`, without principal and details.
    pub fn new(subject: &AuditSubject, action: AuditAction, now: SystemTime) -> Self {
        Self {
            event_id: new_id(now),
            timestamp: seconds::from_seconds(seconds::to_seconds(now)),
            action,
            entity_id: subject.to_string(),
            resource: None,
            principal: None,
            details: Map::new(),
        }
    }
}

/// Returns a new ULID: ids that are made later are sorted after it.
pub(crate) fn new_id(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut random = [0; 16];
    random[..8].copy_from_slice(&fastrand::u64(..).to_be_bytes());
    random[8..].copy_from_slice(&fastrand::u64(..).to_be_bytes());
    ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)).to_string()
}

/// Returns the random text of a creation: 16 hexadecimal digits.
pub(crate) fn new_incarnation() -> String {
    format!("{:016x}", fastrand::u64(..))
}
