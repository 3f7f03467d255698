//! Usage and free capacity.

use super::{listing::Listing, runtime::Runtime};
use crate::{
    error::Error,
    limiter,
    model::{
        BucketKey, BucketState, EntityId, LimitName, Resource, ResourceCapacity, UsageSnapshot, UsageSummary,
        UsageWindow,
    },
};

/// The usage of each window, and the tokens that are left.
#[derive(Clone, Debug)]
pub struct Usage {
    pub(super) inner: limiter::Usage,
    pub(super) runtime: Runtime,
}

/// The blocking form of [`Snapshots`](limiter::Snapshots). [`list`](Self::list) or [`summary`](Self::summary) runs it.
#[derive(Clone, Debug)]
#[must_use = "a question asks nothing by itself"]
pub struct Snapshots {
    inner: limiter::Snapshots,
    runtime: Runtime,
}

impl Usage {
    /// See [`Usage::of_entity`](limiter::Usage::of_entity).
    pub fn of_entity(&self, entity: EntityId) -> Snapshots {
        Snapshots { inner: self.inner.of_entity(entity), runtime: self.runtime.clone() }
    }

    /// See [`Usage::of_resource`](limiter::Usage::of_resource).
    pub fn of_resource(&self, resource: Resource) -> Snapshots {
        Snapshots { inner: self.inner.of_resource(resource), runtime: self.runtime.clone() }
    }

    /// See [`Usage::buckets`](limiter::Usage::buckets).
    pub fn buckets(&self, resource: &Resource) -> Listing<(BucketKey, BucketState)> {
        Listing::new(self.inner.buckets(resource), &self.runtime)
    }

    /// See [`Usage::resource_capacity`](limiter::Usage::resource_capacity).
    ///
    /// # Errors
    /// Those of that method.
    pub fn resource_capacity(&self, resource: &Resource, limit: &LimitName) -> Result<ResourceCapacity, Error> {
        let (inner, resource, limit) = (self.inner.clone(), resource.clone(), limit.clone());
        self.runtime.wait(async move { inner.resource_capacity(&resource, &limit).await })?
    }

    /// See [`Usage::resource_capacity_of_parents`](limiter::Usage::resource_capacity_of_parents).
    ///
    /// # Errors
    /// Those of that method.
    pub fn resource_capacity_of_parents(
        &self,
        resource: &Resource,
        limit: &LimitName,
    ) -> Result<ResourceCapacity, Error> {
        let (inner, resource, limit) = (self.inner.clone(), resource.clone(), limit.clone());
        self.runtime.wait(async move { inner.resource_capacity_of_parents(&resource, &limit).await })?
    }
}

impl Snapshots {
    /// See [`Snapshots::resource`](limiter::Snapshots::resource).
    pub fn resource(self, resource: Resource) -> Self {
        Self { inner: self.inner.resource(resource), ..self }
    }

    /// See [`Snapshots::window`](limiter::Snapshots::window).
    pub fn window(self, window: UsageWindow) -> Self {
        Self { inner: self.inner.window(window), ..self }
    }

    /// See [`Snapshots::since`](limiter::Snapshots::since).
    pub fn since(self, time: i64) -> Self {
        Self { inner: self.inner.since(time), ..self }
    }

    /// See [`Snapshots::until`](limiter::Snapshots::until).
    pub fn until(self, time: i64) -> Self {
        Self { inner: self.inner.until(time), ..self }
    }

    /// See [`Snapshots::list`](limiter::Snapshots::list).
    pub fn list(self) -> Listing<UsageSnapshot> {
        Listing::new(self.inner.list(), &self.runtime)
    }

    /// See [`Snapshots::summary`](limiter::Snapshots::summary).
    ///
    /// # Errors
    /// Those of that method.
    pub fn summary(self) -> Result<UsageSummary, Error> {
        self.runtime.wait(self.inner.summary())?
    }
}
