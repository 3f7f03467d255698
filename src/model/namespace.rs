//! Tenants inside one table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a namespace is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NamespaceStatus {
    /// It is.
    Active,
    /// Its name is free again; its items are still there and can be recovered.
    Deleted,
    /// Its items are being removed, for good.
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

/// A namespace as the table's registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NamespaceInfo {
    /// Its opaque id, which begins every key of its items.
    pub id: String,
    /// Its name. Peers register names that this crate would not.
    pub name: String,
    /// Whether it is in use.
    pub status: NamespaceStatus,
    /// When it was registered: epoch seconds.
    pub created_at: Option<i64>,
    /// When it was deleted: epoch seconds.
    pub deleted_at: Option<i64>,
}

impl NamespaceInfo {
    /// An active namespace.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self { id: id.into(), name: name.into(), status: NamespaceStatus::Active, created_at: None, deleted_at: None }
    }
}
