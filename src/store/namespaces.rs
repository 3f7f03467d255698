//! The namespaces of a store.

use std::{fmt::Debug, sync::Arc};

use super::{Cursor, Page, Store, StoreFuture};
use crate::model::{NamespaceInfo, NamespaceName, NamespaceStatus};

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

/// Manages namespaces, which are isolated from each other: nothing in one can be read or charged from another.
pub trait Namespaces: Debug + Send + Sync + 'static {
    /// Returns the same store, scoped to the namespace with that id. Both share the connection.
    fn scoped(&self, id: &str) -> Arc<dyn Store>;

    /// Registers a namespace at `now` (epoch ms), or returns the existing one with that name.
    fn register<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, NamespaceInfo>;

    /// Finds an active namespace by its name.
    fn find<'a>(&'a self, name: &'a NamespaceName) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Lists the active namespaces, or those that are deleted and not purged yet.
    fn list<'a>(&'a self, active: bool, from: Option<&'a Cursor>) -> StoreFuture<'a, Page<NamespaceInfo>>;

    /// Deletes a namespace at `now` (epoch ms). Its name becomes free, its items stay. Returns `None` if there is no
    /// namespace with that name.
    fn delete<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Makes a deleted namespace active again, under its name.
    fn recover<'a>(&'a self, id: &'a str) -> StoreFuture<'a, StatusChange>;

    /// Marks a deleted namespace as being purged: from then on it cannot be recovered.
    fn begin_purge<'a>(&'a self, id: &'a str) -> StoreFuture<'a, StatusChange>;

    /// Deletes some items of a namespace that is being purged, and finally its record. Returns the number of deleted
    /// items; 0 if nothing is left.
    fn purge_some<'a>(&'a self, id: &'a str) -> StoreFuture<'a, u64>;
}
