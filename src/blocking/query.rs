//! Queries of availability, which charge nothing.

use std::{future::IntoFuture, time::Duration};

use super::runtime::Runtime;
use crate::{
    error::Error,
    limiter,
    model::{Availability, Cost, IntoLimits},
};

/// The blocking form of [`Query`](limiter::Query). [`look`](Self::look) runs it.
#[derive(Debug)]
#[must_use = "a query does nothing until it is looked up"]
pub struct Query {
    pub(super) inner: limiter::Query,
    pub(super) runtime: Runtime,
}

impl Query {
    /// See [`Query::limits`](limiter::Query::limits).
    pub fn limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.limits(limits), ..self }
    }

    /// See [`Query::default_limits`](limiter::Query::default_limits).
    pub fn default_limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.default_limits(limits), ..self }
    }

    /// See [`Query::cost`](limiter::Query::cost).
    pub fn cost(self, name: impl AsRef<str>, tokens: u64) -> Self {
        Self { inner: self.inner.cost(name, tokens), ..self }
    }

    /// See [`Query::costs`](limiter::Query::costs).
    pub fn costs(self, cost: &Cost) -> Self {
        Self { inner: self.inner.costs(cost), ..self }
    }

    /// Returns the statuses of the limits.
    ///
    /// # Errors
    /// Those of a [`Query`](limiter::Query).
    pub fn look(self) -> Result<Availability, Error> {
        self.runtime.wait(self.inner.into_future())?
    }

    /// Returns the time until the cost would be granted, or `None` if it can never be granted.
    ///
    /// # Errors
    /// Those of a [`Query`](limiter::Query).
    pub fn time_until_available(self) -> Result<Option<Duration>, Error> {
        Ok(self.look()?.retry_after())
    }
}
