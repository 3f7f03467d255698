//! The namespaces of a store.

use std::{fmt::Debug, sync::Arc};

use super::{Cursor, Page, Store, StoreFuture};
use crate::model::{NamespaceInfo, NamespaceName, NamespaceStatus};

/// What a change of a namespace's status met.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatusChange {
    /// It was done.
    Done(NamespaceInfo),
    /// There is no such namespace.
    NotFound,
    /// It is in a status from which the change cannot be made.
    Refused(NamespaceStatus),
    /// Another namespace has its name by now.
    NameTaken,
}

/// Keeps namespaces apart: nothing of one is readable or chargeable from another.
pub trait Namespaces: Debug + Send + Sync + 'static {
    /// The same store, scoped to the namespace with that id. It shares the connection.
    fn scoped(&self, id: &str) -> Arc<dyn Store>;

    /// Registers a namespace at `now` (epoch ms), or finds the one of that name.
    fn register<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, NamespaceInfo>;

    /// Finds an active namespace by its name.
    fn find<'a>(&'a self, name: &'a NamespaceName) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Lists the active namespaces, or those that are deleted and not purged yet.
    fn list<'a>(&'a self, active: bool, from: Option<&'a Cursor>) -> StoreFuture<'a, Page<NamespaceInfo>>;

    /// Deletes a namespace at `now` (epoch ms): its name is free, its items stay. `None` where
    /// there is none of that name.
    fn delete<'a>(&'a self, name: &'a NamespaceName, now: i64) -> StoreFuture<'a, Option<NamespaceInfo>>;

    /// Makes a deleted namespace active again, under its name.
    fn recover<'a>(&'a self, id: &'a str) -> StoreFuture<'a, StatusChange>;

    /// Marks a deleted namespace as being purged: from then on it cannot be recovered.
    fn begin_purge<'a>(&'a self, id: &'a str) -> StoreFuture<'a, StatusChange>;

    /// Removes some items of a namespace that is being purged, and at last its record. The number
    /// of items removed; 0 when nothing is left.
    fn purge_some<'a>(&'a self, id: &'a str) -> StoreFuture<'a, u64>;
}
