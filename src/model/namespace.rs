//! Tenants inside one table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NamespaceStatus {
    /// The namespace is in use.
    Active,
    /// Its name is free again. Its items still exist and can be recovered.
    Deleted,
    /// Its items are being deleted permanently.
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

/// A namespace as the table's registry stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamespaceInfo {
    /// Its opaque id, which is the prefix of every key of its items.
    pub id: String,
    /// Its name. Peers can register names that this crate would not accept.
    pub name: String,
    /// Its status.
    pub status: NamespaceStatus,
    /// The time of its registration: epoch seconds.
    pub created_at: Option<i64>,
    /// The time of its deletion: epoch seconds.
    pub deleted_at: Option<i64>,
}

impl NamespaceInfo {
    /// Returns an active namespace.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            status: NamespaceStatus::Active,
            created_at: None,
            deleted_at: None,
        }
    }
}
