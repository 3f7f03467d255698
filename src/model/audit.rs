//! What was changed, by whom.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{EntityId, Resource};

/// What was changed. The words are those of the table.
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
    /// A word of a newer peer.
    Other(String),
}

impl From<String> for AuditAction {
    fn from(word: String) -> Self {
        match word.as_str() {
            "entity_created" => Self::EntityCreated,
            "entity_deleted" => Self::EntityDeleted,
            "limits_set" => Self::LimitsSet,
            "limits_deleted" => Self::LimitsDeleted,
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
            Self::Other(word) => word,
        })
    }
}

/// Whose history an event belongs to.
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

/// As the table spells it.
impl fmt::Display for AuditSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("$SYSTEM"),
            Self::Resource(resource) => write!(f, "$RESOURCE:{resource}"),
            Self::Entity(entity) => entity.fmt(f),
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// A ULID: events of one subject sort by it.
    pub event_id: String,
    /// When: epoch seconds.
    pub timestamp: i64,
    /// What.
    pub action: AuditAction,
    /// To whom: an entity id, `$SYSTEM` or `$RESOURCE:` and a resource.
    pub entity_id: String,
    /// For which resource.
    pub resource: Option<String>,
    /// By whom, where that is known.
    pub principal: Option<String>,
    /// With what.
    pub details: Map<String, Value>,
}

impl AuditEvent {
    /// An event of now (epoch ms), by nobody known, without details.
    pub fn new(subject: &AuditSubject, action: AuditAction, now: i64) -> Self {
        let millis = u64::try_from(now).unwrap_or(0);
        let mut random = [0; 16];
        random[..8].copy_from_slice(&fastrand::u64(..).to_be_bytes());
        random[8..].copy_from_slice(&fastrand::u64(..).to_be_bytes());
        Self {
            event_id: ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)).to_string(),
            timestamp: now.div_euclid(1000),
            action,
            entity_id: subject.to_string(),
            resource: None,
            principal: None,
            details: Map::new(),
        }
    }
}
