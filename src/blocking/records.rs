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
    /// See [`Config::set`](limiter::Config::set).
    ///
    /// # Errors
    /// Those of that method.
    pub fn set(&self, scope: ConfigScope, config: impl Into<StoredConfig>) -> Result<(), Error> {
        let (inner, config) = (self.inner.clone(), config.into());
        self.runtime.wait(async move { inner.set(scope, config).await })?
    }

    /// See [`Config::get`](limiter::Config::get).
    ///
    /// # Errors
    /// Those of that method.
    pub fn get(&self, scope: &ConfigScope) -> Result<Option<StoredConfig>, Error> {
        let (inner, scope) = (self.inner.clone(), scope.clone());
        self.runtime.wait(async move { inner.get(&scope).await })?
    }

    /// See [`Config::delete`](limiter::Config::delete).
    ///
    /// # Errors
    /// Those of that method.
    pub fn delete(&self, scope: &ConfigScope) -> Result<bool, Error> {
        let (inner, scope) = (self.inner.clone(), scope.clone());
        self.runtime.wait(async move { inner.delete(&scope).await })?
    }

    /// See [`Config::resources`](limiter::Config::resources).
    ///
    /// # Errors
    /// Those of that method.
    pub fn resources(&self) -> Result<Vec<Resource>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.resources().await })?
    }

    /// See [`Config::resources_with_entity_limits`](limiter::Config::resources_with_entity_limits).
    ///
    /// # Errors
    /// Those of that method.
    pub fn resources_with_entity_limits(&self) -> Result<Vec<Resource>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.resources_with_entity_limits().await })?
    }

    /// See [`Config::entities_with_limits`](limiter::Config::entities_with_limits).
    pub fn entities_with_limits(&self, resource: Option<Resource>) -> Listing<EntityId> {
        Listing::new(self.inner.entities_with_limits(resource), &self.runtime)
    }

    /// See [`Config::resolve`](limiter::Config::resolve).
    ///
    /// # Errors
    /// Those of that method.
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

    /// See [`Config::on_unavailable`](limiter::Config::on_unavailable).
    pub fn on_unavailable(&self) -> Option<StoredOnUnavailable> {
        self.inner.on_unavailable()
    }

    /// See [`Config::cache_stats`](limiter::Config::cache_stats).
    pub fn cache_stats(&self) -> CacheStats {
        self.inner.cache_stats()
    }

    /// See [`Config::invalidate`](limiter::Config::invalidate).
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
    /// See [`Entities::create`](limiter::Entities::create).
    ///
    /// # Errors
    /// Those of that method.
    pub fn create(&self, entity: Entity) -> Result<Entity, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.create(entity).await })?
    }

    /// See [`Entities::ensure`](limiter::Entities::ensure).
    ///
    /// # Errors
    /// Those of that method.
    pub fn ensure(&self, entity: Entity) -> Result<Entity, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.ensure(entity).await })?
    }

    /// See [`Entities::get`](limiter::Entities::get).
    ///
    /// # Errors
    /// Those of that method.
    pub fn get(&self, id: &EntityId) -> Result<Option<Entity>, Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        self.runtime.wait(async move { inner.get(&id).await })?
    }

    /// See [`Entities::delete`](limiter::Entities::delete).
    ///
    /// # Errors
    /// Those of that method.
    pub fn delete(&self, id: &EntityId) -> Result<u64, Error> {
        let (inner, id) = (self.inner.clone(), id.clone());
        self.runtime.wait(async move { inner.delete(&id).await })?
    }

    /// See [`Entities::children`](limiter::Entities::children).
    pub fn children(&self, parent: &EntityId) -> Listing<Entity> {
        Listing::new(self.inner.children(parent), &self.runtime)
    }

    /// See [`Entities::buckets`](limiter::Entities::buckets).
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
    /// See [`Audit::events`](limiter::Audit::events).
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
    /// See [`Namespaces::register`](limiter::Namespaces::register).
    ///
    /// # Errors
    /// Those of that method.
    pub fn register(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.register(&name).await })?
    }

    /// See [`Namespaces::register_all`](limiter::Namespaces::register_all).
    ///
    /// # Errors
    /// Those of that method.
    pub fn register_all(&self, names: Vec<NamespaceName>) -> Result<Vec<NamespaceInfo>, Error> {
        let inner = self.inner.clone();
        self.runtime.wait(async move { inner.register_all(names).await })?
    }

    /// See [`Namespaces::get`](limiter::Namespaces::get).
    ///
    /// # Errors
    /// Those of that method.
    pub fn get(&self, name: &NamespaceName) -> Result<Option<NamespaceInfo>, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.get(&name).await })?
    }

    /// See [`Namespaces::list`](limiter::Namespaces::list).
    pub fn list(&self) -> Listing<NamespaceInfo> {
        Listing::new(self.inner.list(), &self.runtime)
    }

    /// See [`Namespaces::orphans`](limiter::Namespaces::orphans).
    pub fn orphans(&self) -> Listing<NamespaceInfo> {
        Listing::new(self.inner.orphans(), &self.runtime)
    }

    /// See [`Namespaces::delete`](limiter::Namespaces::delete).
    ///
    /// # Errors
    /// Those of that method.
    pub fn delete(&self, name: &NamespaceName) -> Result<NamespaceInfo, Error> {
        let (inner, name) = (self.inner.clone(), name.clone());
        self.runtime.wait(async move { inner.delete(&name).await })?
    }

    /// See [`Namespaces::recover`](limiter::Namespaces::recover).
    ///
    /// # Errors
    /// Those of that method.
    pub fn recover(&self, id: &str) -> Result<NamespaceInfo, Error> {
        let (inner, id) = (self.inner.clone(), id.to_owned());
        self.runtime.wait(async move { inner.recover(&id).await })?
    }

    /// See [`Namespaces::purge`](limiter::Namespaces::purge).
    ///
    /// # Errors
    /// Those of that method.
    pub fn purge(&self, id: &str) -> Result<u64, Error> {
        let (inner, id) = (self.inner.clone(), id.to_owned());
        self.runtime.wait(async move { inner.purge(&id).await })?
    }
}
