//! Tenants inside one table.

use std::sync::{Arc, atomic::AtomicU64};

use crate::limiter::admin::{listing::Listing, progress::Progress, records::answered};
use crate::{
    error::{Error, Invalid, NamespaceError},
    limiter::{
        api::RateLimiter,
        engine::{Backend, Engine},
    },
    model::{IntoName, NamespaceId, NamespaceInfo, NamespaceName},
    store::{NamespaceStore, StatusChange, Store},
};

/// The namespaces of the limiter's table. Returned by [`RateLimiter::namespaces`].
///
/// Nothing of one namespace can be read or charged from another.
#[derive(Clone, Debug)]
pub struct Namespaces {
    limiter: RateLimiter,
    progress: Progress,
}

impl RateLimiter {
    /// Returns the namespaces of the limiter's table.
    pub fn namespaces(&self) -> Namespaces {
        Namespaces {
            limiter: self.clone(),
            progress: Progress::default(),
        }
    }

    /// Returns a limiter for another namespace of the same table, with the same settings. The two
    /// limiters share the connection and nothing else, so each needs its own shutdown. One round
    /// trip.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`] if the namespace is not registered, [`Invalid::NoNamespaces`]
    /// if the store has no namespaces, [`Error::Unavailable`] if the store fails.
    pub async fn namespace<N>(&self, name: N) -> Result<Self, Error>
    where
        N: IntoName<NamespaceName>,
    {
        let name = name.into_name().map_err(Error::from)?;
        let store = self.store();
        let namespaces = namespaces_of(&*store)?;
        let known = self.asked(namespaces.find(&name)).await?;
        let known = known.ok_or_else(|| NamespaceError::NotFound(name.to_string()))?;
        match self.backend() {
            Backend::Memory(_) | Backend::Scripted(_) => Err(Invalid::NoNamespaces.into()),
            Backend::Gated(_) => {
                let mut settings = self.engine().settings().clone();
                settings.namespace = Some(known.name);
                let store = namespaces.scoped(&known.id);
                Ok(Self::of(Engine::over(settings, store)?))
            }
        }
    }
}

impl Namespaces {
    /// Registers a namespace, or returns the active one with that name. Up to two round trips.
    ///
    /// # Errors
    /// [`Invalid::NoNamespaces`]; [`Error::Unavailable`] if the store fails.
    pub async fn register(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        self.limiter
            .asked(namespaces_of(&*store)?.register(name, self.limiter.now()))
            .await
    }

    /// Registers several namespaces, one after the other.
    ///
    /// # Errors
    /// The errors of [`register`](Self::register), at the first name that fails. The names before
    /// it are registered.
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

    /// Returns the active namespace `name`. One round trip.
    ///
    /// # Errors
    /// The errors of [`register`](Self::register).
    pub async fn get(&self, name: &NamespaceName) -> Result<Option<NamespaceInfo>, Error> {
        let store = self.store();
        self.limiter.asked(namespaces_of(&*store)?.find(name)).await
    }

    /// Lists the active namespaces. One round trip per page.
    pub fn list(&self) -> Listing<NamespaceInfo> {
        Listing::of_namespaces(self.store(), |namespaces, from| namespaces.list(true, from))
            .identified(&["namespaces".to_owned()], |namespace| {
                namespace.id.to_string()
            })
    }

    /// Lists the namespaces that were deleted and are not purged yet, or not completely.
    /// [`recover`](Self::recover) or [`purge`](Self::purge) them. One round trip per page.
    pub fn orphans(&self) -> Listing<NamespaceInfo> {
        Listing::of_namespaces(self.store(), |namespaces, from| {
            namespaces.list(false, from)
        })
        .identified(&["orphans".to_owned()], |namespace| {
            namespace.id.to_string()
        })
    }

    /// Deletes a namespace. Its name is free at once, and its items stay until it is purged.
    /// Limiters that have joined it continue to work. Two round trips.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`]; otherwise the errors of [`register`](Self::register).
    pub async fn delete(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        let deleted = self
            .limiter
            .asked(namespaces_of(&*store)?.delete(name, self.limiter.now()))
            .await?;
        deleted.ok_or_else(|| NamespaceError::NotFound(name.to_string()).into())
    }

    /// Makes the deleted namespace with that id active again, under its name. Two round trips.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`]; [`NamespaceError::Status`] if the namespace is active or being
    /// purged; [`NamespaceError::NameTaken`]; otherwise the errors of [`register`](Self::register).
    pub async fn recover(&self, id: &NamespaceId) -> Result<NamespaceInfo, Error> {
        let store = self.store();
        changed(
            id,
            self.limiter
                .asked(namespaces_of(&*store)?.recover(id))
                .await?,
        )
    }

    /// Removes the deleted namespace with that id permanently, and returns the number of deleted
    /// items. Two round trips, then for each page one to read it and one for every 25 items to
    /// delete. Call it again to continue an interrupted purge. If there is no such namespace, it
    /// does nothing.
    ///
    /// First shut down the limiters that have joined the namespace: what they write later belongs
    /// to no namespace that is listed.
    ///
    /// # Errors
    /// [`NamespaceError::Status`] if the namespace is active; otherwise the errors of
    /// [`register`](Self::register).
    pub async fn purge(&self, id: &NamespaceId) -> Result<u64, Error> {
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
                some => {
                    purged += some;
                    self.progress.add(some);
                }
            }
        }
    }

    /// Adds the items that [`purge`](Self::purge) deletes to `counter`, page by page. Read it to
    /// show the progress.
    #[must_use]
    pub fn progress(mut self, counter: Arc<AtomicU64>) -> Self {
        self.progress = Progress::of(counter);
        self
    }

    fn store(&self) -> Arc<dyn Store> {
        self.limiter.store()
    }
}

fn namespaces_of(store: &dyn Store) -> Result<&dyn NamespaceStore, Error> {
    store
        .namespaces()
        .ok_or_else(|| Invalid::NoNamespaces.into())
}

fn changed(id: &NamespaceId, change: StatusChange) -> Result<NamespaceInfo, Error> {
    match change {
        StatusChange::Done(info) => Ok(info),
        StatusChange::NotFound => Err(NamespaceError::NotFound(id.to_string()).into()),
        StatusChange::Refused(status) => Err(NamespaceError::Status {
            id: id.clone(),
            status,
        }
        .into()),
        StatusChange::NameTaken => Err(NamespaceError::NameTaken(id.to_string()).into()),
    }
}
