//! Acquiring a lease.

use std::time::Duration;

use super::{Lease, runtime::Runtime};
use crate::{
    error::Error,
    limiter::{self, Prefetch, Share},
    model::{Cost, IntoLimits},
};

/// The blocking form of [`Acquire`](limiter::Acquire). [`lease`](Self::lease) runs it.
#[derive(Debug)]
#[must_use = "an acquire does nothing until its lease is asked for"]
pub struct Acquire {
    pub(super) inner: limiter::Acquire,
    pub(super) runtime: Runtime,
}

impl Acquire {
    /// See [`Acquire::limits`](limiter::Acquire::limits).
    pub fn limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.limits(limits), ..self }
    }

    /// See [`Acquire::default_limits`](limiter::Acquire::default_limits).
    pub fn default_limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.default_limits(limits), ..self }
    }

    /// See [`Acquire::without_parent`](limiter::Acquire::without_parent).
    pub fn without_parent(self) -> Self {
        Self { inner: self.inner.without_parent(), ..self }
    }

    /// See [`Acquire::prefetch`](limiter::Acquire::prefetch).
    pub fn prefetch(self, prefetch: Prefetch) -> Self {
        Self { inner: self.inner.prefetch(prefetch), ..self }
    }

    /// See [`Acquire::in_one_transaction`](limiter::Acquire::in_one_transaction).
    pub fn in_one_transaction(self) -> Self {
        Self { inner: self.inner.in_one_transaction(), ..self }
    }

    /// See [`Acquire::cost`](limiter::Acquire::cost).
    pub fn cost(self, name: impl AsRef<str>, tokens: u64) -> Self {
        Self { inner: self.inner.cost(name, tokens), ..self }
    }

    /// See [`Acquire::costs`](limiter::Acquire::costs).
    pub fn costs(self, cost: &Cost) -> Self {
        Self { inner: self.inner.costs(cost), ..self }
    }

    /// See [`Acquire::deadline`](limiter::Acquire::deadline).
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { inner: self.inner.deadline(deadline), ..self }
    }

    /// See [`Acquire::or_locally`](limiter::Acquire::or_locally).
    pub fn or_locally(self, share: Share) -> Self {
        Self { inner: self.inner.or_locally(share), ..self }
    }

    /// See [`Acquire::shadow`](limiter::Acquire::shadow).
    pub fn shadow(self, name: impl AsRef<str>) -> Self {
        Self { inner: self.inner.shadow(name), ..self }
    }

    /// See [`Acquire::until_ready`](limiter::Acquire::until_ready).
    pub fn until_ready(self, most: Duration) -> Self {
        Self { inner: self.inner.until_ready(most), ..self }
    }

    /// See [`Acquire::max_waiters`](limiter::Acquire::max_waiters).
    pub fn max_waiters(self, waiters: usize) -> Self {
        Self { inner: self.inner.max_waiters(waiters), ..self }
    }

    /// Waits for the lease, at most until the deadline. With [`until_ready`](Self::until_ready), it also waits for
    /// capacity.
    ///
    /// # Errors
    /// Those of an [`Acquire`](limiter::Acquire).
    pub fn lease(self) -> Result<Lease, Error> {
        let inner = match self.inner.start() {
            limiter::Started::Done(result) => result?,
            limiter::Started::Waiting(lease) => self.runtime.wait(lease)??,
        };
        Ok(Lease { inner, runtime: self.runtime })
    }

    /// Waits for the lease, runs `work` with it, and settles it. The lease is committed if `work` returns `Ok`, and
    /// rolled back if `work` returns `Err` or panics.
    ///
    /// # Errors
    /// Those of the acquire, converted to the error type of `work`, and those of `work`.
    pub fn run<T, E: From<Error>>(self, work: impl FnOnce(&mut Lease) -> Result<T, E>) -> Result<T, E> {
        let mut lease = self.lease()?;
        let output = work(&mut lease)?;
        drop(lease.commit());
        Ok(output)
    }
}
