//! Tenants inside one table.

use std::{fmt, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::seconds;

/// The status of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NamespaceStatus {
    /// The namespace is in use.
    Active,
    /// The name is free again. The items still exist and can be recovered.
    Deleted,
    /// The items are being deleted permanently.
    Purging,
}

impl fmt::Display for NamespaceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Purging => "purging",
        })
    }
}

/// The id of a namespace. Names are for people, and a deleted namespace gives its name up; the id
/// stays the same. The id is opaque, and is the prefix of every key of the namespace's items.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespaceId(String);

impl NamespaceId {
    /// Returns the id that `text` spells, without a check: an id that no namespace has finds
    /// nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for NamespaceId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<NamespaceId> for String {
    fn from(id: NamespaceId) -> Self {
        id.0
    }
}

/// A namespace as the table's registry stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamespaceInfo {
    /// The id of the namespace.
    pub id: NamespaceId,
    /// The name of the namespace. Python clients can register names that this crate would not
    /// accept.
    pub name: String,
    /// The status of the namespace.
    pub status: NamespaceStatus,
    /// The time of the registration, in whole seconds. The serialized form is epoch seconds.
    #[serde(with = "seconds::optional")]
    pub created_at: Option<SystemTime>,
    /// The time of the deletion, like `created_at`.
    #[serde(with = "seconds::optional")]
    pub deleted_at: Option<SystemTime>,
}

impl NamespaceInfo {
    /// Returns an active namespace.
    pub fn new(id: NamespaceId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            status: NamespaceStatus::Active,
            created_at: None,
            deleted_at: None,
        }
    }
}
