//! A handle to a bucket that was looked up once.

use super::{Acquire, runtime::Runtime};
use crate::{
    error::Error,
    limiter,
    model::{EntityId, Limits, Resource},
};

/// The blocking form of [`BucketHandle`](limiter::BucketHandle). Clones are cheap.
#[derive(Clone, Debug)]
pub struct BucketHandle {
    pub(super) inner: limiter::BucketHandle,
    pub(super) runtime: Runtime,
}

impl BucketHandle {
    /// Returns the entity that is limited.
    pub fn entity(&self) -> &EntityId {
        self.inner.entity()
    }

    /// Returns the resource that is used.
    pub fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    /// See [`BucketHandle::limits`](limiter::BucketHandle::limits).
    ///
    /// # Errors
    /// Those of that method.
    pub fn limits<L>(self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        Ok(Self { inner: self.inner.limits(limits)?, ..self })
    }

    /// See [`BucketHandle::default_limits`](limiter::BucketHandle::default_limits).
    ///
    /// # Errors
    /// Those of that method.
    pub fn default_limits<L>(self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        Ok(Self { inner: self.inner.default_limits(limits)?, ..self })
    }

    /// See [`BucketHandle::acquire`](limiter::BucketHandle::acquire).
    pub fn acquire(&self) -> Acquire {
        Acquire { inner: self.inner.acquire(), runtime: self.runtime.clone() }
    }
}
