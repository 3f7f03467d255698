//! Tenants inside one table.

use std::sync::Arc;

use super::{listing::Listing, records::answered};
use crate::limiter::rate_limiter::{Backend, RateLimiter};
use crate::{
    error::{Error, Invalid, NamespaceError},
    model::{NamespaceInfo, NamespaceName},
    store::{Namespaces as NamespaceStore, StatusChange, Store},
};

/// The namespaces of the limiter's table: [`RateLimiter::namespaces`].
///
/// Nothing of one namespace is readable or chargeable from another.
#[derive(Clone, Debug)]
pub struct Namespaces {
    limiter: RateLimiter,
}

impl RateLimiter {
    /// The namespaces of the limiter's table.
    pub fn namespaces(&self) -> Namespaces {
        Namespaces { limiter: self.clone() }
    }

    /// A limiter for another namespace of the same table, with the same settings. It shares the
    /// connection and nothing else; shut it down by itself. One round trip.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`] where it is not registered, [`Invalid::NoNamespaces`] over a
    /// store without namespaces, [`Error::Unavailable`] where the store fails.
    pub async fn namespace<N>(&self, name: N) -> Result<Self, Error>
    where
        N: TryInto<NamespaceName, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let store = self.store();
        let namespaces = namespaces_of(&*store)?;
        let known = self.asked(namespaces.find(&name)).await?;
        let known = known.ok_or_else(|| NamespaceError::NotFound(name.to_string()))?;
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => Err(Invalid::NoNamespaces.into()),
            Backend::Gated(_) => Ok(self.rebuild().build_shared(namespaces.scoped(&known.id))?),
        }
    }
}

impl Namespaces {
    /// Registers a namespace, or finds the active one of that name. Up to two round trips.
    ///
    /// # Errors
    /// [`Invalid::NoNamespaces`]; [`Error::Unavailable`] where the store fails.
    pub async fn register(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        self.limiter.asked(namespaces_of(&*store)?.register(name, self.limiter.now())).await
    }

    /// Registers several, one after the other.
    ///
    /// # Errors
    /// As [`register`](Self::register), at the first that fails; those before it are registered.
    pub async fn register_all(
        &self,
        names: impl IntoIterator<Item = NamespaceName>,
    ) -> Result<Vec<NamespaceInfo>, Error> {
        let mut registered = Vec::new();
        for name in names {
            registered.push(self.register(&name).await?);
        }
        Ok(registered)
    }

    /// The active namespace `name`. One round trip.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    pub async fn get(&self, name: &NamespaceName) -> Result<Option<NamespaceInfo>, Error> {
        let store = self.store();
        self.limiter.asked(namespaces_of(&*store)?.find(name)).await
    }

    /// The active namespaces. One round trip a page.
    pub fn list(&self) -> Listing<NamespaceInfo> {
        Listing::of_namespaces(self.store(), |namespaces, from| namespaces.list(true, from))
    }

    /// The namespaces that were deleted and are not purged yet, or not wholly:
    /// [`recover`](Self::recover) or [`purge`](Self::purge) them. One round trip a page.
    pub fn orphans(&self) -> Listing<NamespaceInfo> {
        Listing::of_namespaces(self.store(), |namespaces, from| namespaces.list(false, from))
    }

    /// Deletes a namespace: its name is free at once, its items stay until it is purged. Limiters
    /// that have joined it go on. Two round trips.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`]; else as [`register`](Self::register).
    pub async fn delete(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        let deleted = self.limiter.asked(namespaces_of(&*store)?.delete(name, self.limiter.now())).await?;
        deleted.ok_or_else(|| NamespaceError::NotFound(name.to_string()).into())
    }

    /// Makes the deleted namespace with that id active again, under its name. Two round trips.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`]; [`NamespaceError::Status`] where it is active or being purged;
    /// [`NamespaceError::NameTaken`]; else as [`register`](Self::register).
    pub async fn recover(&self, id: &str) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        changed(id, self.limiter.asked(namespaces_of(&*store)?.recover(id)).await?)
    }

    /// Removes the deleted namespace with that id for good: two round trips, then for each page one
    /// to read it and one for every 25 items to delete. The number of items that are gone. An
    /// interrupted purge is taken up by calling this again; one of a namespace that is not there
    /// does nothing.
    ///
    /// Shut limiters down first that have joined it: what they write later belongs to no namespace
    /// that is listed.
    ///
    /// # Errors
    /// [`NamespaceError::Status`] where it is active; else as [`register`](Self::register).
    pub async fn purge(&self, id: &str) -> Result<u64, Error> {
        let store = self.store();
        let namespaces = namespaces_of(&*store)?;
        match self.limiter.asked(namespaces.begin_purge(id)).await? {
            StatusChange::NotFound => return Ok(0),
            change => changed(id, change)?,
        };
        let mut purged = 0;
        loop {
            match answered(namespaces.purge_some(id).await)? {
                0 => return Ok(purged),
                some => purged += some,
            }
        }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.limiter.store()
    }
}

fn namespaces_of(store: &dyn Store) -> Result<&dyn NamespaceStore, Error> {
    store.namespaces().ok_or_else(|| Invalid::NoNamespaces.into())
}

fn changed(id: &str, change: StatusChange) -> Result<NamespaceInfo, Error> {
    let id = id.to_owned();
    match change {
        StatusChange::Done(info) => Ok(info),
        StatusChange::NotFound => Err(NamespaceError::NotFound(id).into()),
        StatusChange::Refused(status) => Err(NamespaceError::Status { id, status }.into()),
        StatusChange::NameTaken => Err(NamespaceError::NameTaken(id).into()),
    }
}
