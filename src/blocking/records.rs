//! Stored limits, entities, history and namespaces.

use super::{listing::Listing, runtime::Runtime};
use crate::{
    error::Error,
    limiter::{self, CacheStats},
    model::{
        AuditEvent, AuditSubject, BucketKey, BucketState, ConfigScope, Entity, EntityId, NamespaceInfo, NamespaceName,
        ResolvedLimits, Resource, StoredConfig, StoredOnUnavailable,
    },
};

/// The stored limits.
#[derive(Clone, Debug)]
pub struct Config {
    pub(super) inner: limiter::Config,
    pub(super) runtime: Runtime,
}

impl Config {
    /// As [`Config::set`](limiter::Config::set).
    ///
    /// # Errors
    /// As there.
    pub fn set(&self, scope: ConfigScope, config: impl Into<StoredConfig>) -> Result<(), Error> {
        let (inner, config) = (self.inner.clone(), config.into());
        self.runtime.wait(async move { inner.set(scope, config).await })?
    }

    /// As [`Config::get`](limiter::Config::get).
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, scope: &ConfigScope) -> Result<Option<StoredConfig>, Error> {
        let (inner, scope) = (self.inner.clone(), scope.clone());
        self.runtime.wait(async move { inner.get(&scope).await })?
    }

    /// As [`Config::delete`](limiter::Config::delete).
    ///
    /// # Errors
    /// As there.
    pub fn delete(&self, scope: &ConfigScope) -> Result<bool, Error> {
        let (inner, scope) = (self.inner.clone(), scope.clone());
        self.runtime.wait(async move { inner.delete(&scope).await })?
    }

    /// As [`Config::resources`](limiter::Config::resources).
    ///
    /// # Errors
    /// As there.
    pub fn resources(&self) -> Result<Vec<Resource>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.resources().await })?
    }

    /// As [`Config::resources_with_entity_limits`](limiter::Config::resources_with_entity_limits).
    ///
    /// # Errors
    /// As there.
    pub fn resources_with_entity_limits(&self) -> Result<Vec<Resource>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.resources_with_entity_limits().await })?
    }

    /// As [`Config::entities_with_limits`](limiter::Config::entities_with_limits).
    pub fn entities_with_limits(&self, resource: Option<Resource>) -> Listing<EntityId> {
        Listing::new(self.inner.entities_with_limits(resource), &self.runtime)
    }

    /// As [`Config::resolve`](limiter::Config::resolve).
    ///
    /// # Errors
    /// As there.
    pub fn resolve<E, R>(&self, entity: E, resource: R) -> Result<Option<ResolvedLimits>, Error>
    where
        E: TryInto<EntityId, Error: Into<Error>>,
        R: TryInto<Resource, Error: Into<Error>>,
    {
        let entity = entity.try_into().map_err(Into::into)?;
        let resource = resource.try_into().map_err(Into::into)?;
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.resolve(entity, resource).await })?
    }

    /// As [`Config::on_unavailable`](limiter::Config::on_unavailable).
    pub fn on_unavailable(&self) -> Option<StoredOnUnavailable> {
        self.inner.on_unavailable()
    }

    /// As [`Config::cache_stats`](limiter::Config::cache_stats).
    pub fn cache_stats(&self) -> CacheStats {
        self.inner.cache_stats()
    }

    /// As [`Config::invalidate`](limiter::Config::invalidate).
    pub fn invalidate(&self) {
        self.inner.invalidate();
    }
}

/// The entities that were created.
#[derive(Clone, Debug)]
pub struct Entities {
    pub(super) inner: limiter::Entities,
    pub(super) runtime: Runtime,
}

impl Entities {
    /// As [`Entities::create`](limiter::Entities::create).
    ///
    /// # Errors
    /// As there.
    pub fn create(&self, entity: Entity) -> Result<Entity, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.create(entity).await })?
    }

    /// As [`Entities::ensure`](limiter::Entities::ensure).
    ///
    /// # Errors
    /// As there.
    pub fn ensure(&self, entity: Entity) -> Result<Entity, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.ensure(entity).await })?
    }

    /// As [`Entities::get`](limiter::Entities::get).
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, id: &EntityId) -> Result<Option<Entity>, Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        self.runtime.wait(async move { inner.get(&id).await })?
    }

    /// As [`Entities::delete`](limiter::Entities::delete).
    ///
    /// # Errors
    /// As there.
    pub fn delete(&self, id: &EntityId) -> Result<u64, Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        self.runtime.wait(async move { inner.delete(&id).await })?
    }

    /// As [`Entities::children`](limiter::Entities::children).
    pub fn children(&self, parent: &EntityId) -> Listing<Entity> {
        Listing::new(self.inner.children(parent), &self.runtime)
    }

    /// As [`Entities::buckets`](limiter::Entities::buckets).
    pub fn buckets(&self, id: &EntityId) -> Listing<(BucketKey, BucketState)> {
        Listing::new(self.inner.buckets(id), &self.runtime)
    }
}

/// The history of changes.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(super) inner: limiter::Audit,
    pub(super) runtime: Runtime,
}

impl Audit {
    /// As [`Audit::events`](limiter::Audit::events).
    pub fn events(&self, subject: &AuditSubject) -> Listing<AuditEvent> {
        Listing::new(self.inner.events(subject), &self.runtime)
    }
}

/// The namespaces of the limiter's table.
#[derive(Clone, Debug)]
pub struct Namespaces {
    pub(super) inner: limiter::Namespaces,
    pub(super) runtime: Runtime,
}

impl Namespaces {
    /// As [`Namespaces::register`](limiter::Namespaces::register).
    ///
    /// # Errors
    /// As there.
    pub fn register(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.register(&name).await })?
    }

    /// As [`Namespaces::register_all`](limiter::Namespaces::register_all).
    ///
    /// # Errors
    /// As there.
    pub fn register_all(&self, names: Vec<NamespaceName>) -> Result<Vec<NamespaceInfo>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.register_all(names).await })?
    }

    /// As [`Namespaces::get`](limiter::Namespaces::get).
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, name: &NamespaceName) -> Result<Option<NamespaceInfo>, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.get(&name).await })?
    }

    /// As [`Namespaces::list`](limiter::Namespaces::list).
    pub fn list(&self) -> Listing<NamespaceInfo> {
        Listing::new(self.inner.list(), &self.runtime)
    }

    /// As [`Namespaces::orphans`](limiter::Namespaces::orphans).
    pub fn orphans(&self) -> Listing<NamespaceInfo> {
        Listing::new(self.inner.orphans(), &self.runtime)
    }

    /// As [`Namespaces::delete`](limiter::Namespaces::delete).
    ///
    /// # Errors
    /// As there.
    pub fn delete(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.delete(&name).await })?
    }

    /// As [`Namespaces::recover`](limiter::Namespaces::recover).
    ///
    /// # Errors
    /// As there.
    pub fn recover(&self, id: &str) -> Result<NamespaceInfo, Error> {
        let (inner, id) = (self.inner.clone(), id.to_owned());
        self.runtime.wait(async move { inner.recover(&id).await })?
    }

    /// As [`Namespaces::purge`](limiter::Namespaces::purge).
    ///
    /// # Errors
    /// As there.
    pub fn purge(&self, id: &str) -> Result<u64, Error> {
        let (inner, id) = (self.inner.clone(), id.to_owned());
        self.runtime.wait(async move { inner.purge(&id).await })?
    }
}
