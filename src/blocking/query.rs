//! Looking without charging.

use std::{future::IntoFuture, time::Duration};

use super::runtime::Runtime;
use crate::{
    error::Error,
    limiter,
    model::{Availability, Cost, IntoLimits},
};

/// [`Query`](limiter::Query), ended by [`look`](Self::look).
#[derive(Debug)]
#[must_use = "a query does nothing until it is looked up"]
pub struct Query {
    pub(super) inner: limiter::Query,
    pub(super) runtime: Runtime,
}

impl Query {
    /// As [`Query::limits`](limiter::Query::limits).
    pub fn limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.limits(limits), ..self }
    }

    /// As [`Query::default_limits`](limiter::Query::default_limits).
    pub fn default_limits(self, limits: impl IntoLimits) -> Self {
        Self { inner: self.inner.default_limits(limits), ..self }
    }

    /// As [`Query::cost`](limiter::Query::cost).
    pub fn cost(self, name: impl AsRef<str>, tokens: u64) -> Self {
        Self { inner: self.inner.cost(name, tokens), ..self }
    }

    /// As [`Query::costs`](limiter::Query::costs).
    pub fn costs(self, cost: &Cost) -> Self {
        Self { inner: self.inner.costs(cost), ..self }
    }

    /// Where the limits stand.
    ///
    /// # Errors
    /// As a [`Query`](limiter::Query).
    pub fn look(self) -> Result<Availability, Error> {
        self.runtime.wait(self.inner.into_future())?
    }

    /// The time until the cost would be granted; `None` where it never would.
    ///
    /// # Errors
    /// As a [`Query`](limiter::Query).
    pub fn time_until_available(self) -> Result<Option<Duration>, Error> {
        Ok(self.look()?.retry_after())
    }
}
