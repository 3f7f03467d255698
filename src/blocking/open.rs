//! Joining a stack.

use std::{future::IntoFuture, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

use super::{RateLimiter, runtime::Runtime};
use crate::{
    error::{Error, Unavailable},
    limiter::{self, Builder},
    model::{NamespaceName, StackName},
    store::dynamodb::Provision,
};

/// [`Open`](limiter::Open), ended by [`open`](Self::open).
#[derive(Debug)]
#[must_use = "nothing is opened until it is asked for"]
pub struct Open {
    inner: limiter::Open,
    settings: Builder,
}

impl RateLimiter {
    /// As [`RateLimiter::open`](crate::RateLimiter::open).
    pub fn open() -> Open {
        Open { inner: limiter::RateLimiter::open(), settings: limiter::RateLimiter::builder() }
    }
}

impl Open {
    /// As [`Open::stack`](limiter::Open::stack).
    pub fn stack<S>(self, stack: S) -> Self
    where
        S: TryInto<StackName, Error: Into<Error>>,
    {
        Self { inner: self.inner.stack(stack), ..self }
    }

    /// As [`Open::namespace`](limiter::Open::namespace).
    pub fn namespace<N>(self, namespace: N) -> Self
    where
        N: TryInto<NamespaceName, Error: Into<Error>>,
    {
        Self { inner: self.inner.namespace(namespace), ..self }
    }

    /// As [`Open::client`](limiter::Open::client).
    pub fn client(self, client: Client) -> Self {
        Self { inner: self.inner.client(client), ..self }
    }

    /// As [`Open::caller_identity`](limiter::Open::caller_identity).
    pub fn caller_identity(self, config: &SdkConfig) -> Self {
        Self { inner: self.inner.caller_identity(config), ..self }
    }

    /// As [`Open::provision`](limiter::Open::provision).
    pub fn provision(self, provision: impl Provision) -> Self {
        Self { inner: self.inner.provision(provision), ..self }
    }

    /// As [`Open::settings`](limiter::Open::settings).
    pub fn settings(self, settings: Builder) -> Self {
        Self { settings, ..self }
    }

    /// As [`Open::deadline`](limiter::Open::deadline).
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { inner: self.inner.deadline(deadline), ..self }
    }

    /// Joins the stack.
    ///
    /// # Errors
    /// As [`Open`](limiter::Open); [`Error::Unavailable`] where the operating system gives no
    /// thread.
    pub fn open(self) -> Result<RateLimiter, Error> {
        let runtime = Runtime::start().map_err(|_| Unavailable::NoThread)?;
        let inner = runtime.wait(self.inner.settings(self.settings).into_future())??;
        Ok(RateLimiter { inner, runtime })
    }
}
