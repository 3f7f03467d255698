//! The result of changing a namespace's status.

use crate::model::{NamespaceInfo, NamespaceStatus};

/// The result of changing a namespace's status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusChange {
    /// The change was made.
    Done(NamespaceInfo),
    /// There is no such namespace.
    NotFound,
    /// The namespace has a status from which the change is not possible.
    Refused(NamespaceStatus),
    /// Another namespace has taken its name.
    NameTaken,
}
