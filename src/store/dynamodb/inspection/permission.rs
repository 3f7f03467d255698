//! The result of trying if the credentials allow an action.

use crate::store::StoreError;

/// An action that was tried, by a call that changes nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PermissionTrial {
    /// The name of the action, such as `PutItem`.
    pub action: &'static str,
    /// The name of the index on which it was tried; `None` for the table.
    pub index: Option<&'static str>,
    /// The calls of the library that need the action.
    pub purpose: PermissionPurpose,
    /// The result.
    pub result: PermissionResult,
}

/// The calls that need an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PermissionPurpose {
    /// Opening, and reading stored limits and buckets.
    Read,
    /// Charging buckets.
    Spend,
    /// Listings, the history, usage.
    List,
    /// Changing limits, entities and namespaces.
    Administer,
    /// Reading all buckets of a namespace.
    Scan,
}

/// The answer to the question if an action is allowed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PermissionResult {
    /// The action is allowed.
    Allowed,
    /// The credentials do not allow the action.
    Denied(StoreError),
    /// The call failed for another reason.
    Unknown(StoreError),
}
