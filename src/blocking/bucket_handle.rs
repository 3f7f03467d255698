//! A bucket that was found once.

use super::{Acquire, runtime::Runtime};
use crate::{
    error::Error,
    limiter,
    model::{EntityId, Limits, Resource},
};

/// [`BucketHandle`](limiter::BucketHandle), waiting for every answer. Clones are cheap.
#[derive(Clone, Debug)]
pub struct BucketHandle {
    pub(super) inner: limiter::BucketHandle,
    pub(super) runtime: Runtime,
}

impl BucketHandle {
    /// Who is limited.
    pub fn entity(&self) -> &EntityId {
        self.inner.entity()
    }

    /// What is used.
    pub fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    /// As [`BucketHandle::limits`](limiter::BucketHandle::limits).
    ///
    /// # Errors
    /// As there.
    pub fn limits<L>(self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        Ok(Self { inner: self.inner.limits(limits)?, ..self })
    }

    /// As [`BucketHandle::default_limits`](limiter::BucketHandle::default_limits).
    ///
    /// # Errors
    /// As there.
    pub fn default_limits<L>(self, limits: L) -> Result<Self, Error>
    where
        L: TryInto<Limits, Error: Into<Error>>,
    {
        Ok(Self { inner: self.inner.default_limits(limits)?, ..self })
    }

    /// As [`BucketHandle::acquire`](limiter::BucketHandle::acquire).
    pub fn acquire(&self) -> Acquire {
        Acquire { inner: self.inner.acquire(), runtime: self.runtime.clone() }
    }
}
