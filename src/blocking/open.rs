//! Opening a limiter over a stack.

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

/// The blocking form of [`Open`](limiter::Open). [`open`](Self::open) runs it.
#[derive(Debug)]
#[must_use = "nothing is opened until it is asked for"]
pub struct Open {
    inner: limiter::Open,
    settings: Builder,
}

impl RateLimiter {
    /// See [`RateLimiter::open`](crate::RateLimiter::open).
    pub fn open() -> Open {
        Open { inner: limiter::RateLimiter::open(), settings: limiter::RateLimiter::builder() }
    }
}

impl Open {
    /// See [`Open::stack`](limiter::Open::stack).
    pub fn stack<S>(self, stack: S) -> Self
    where
        S: TryInto<StackName, Error: Into<Error>>,
    {
        Self { inner: self.inner.stack(stack), ..self }
    }

    /// See [`Open::namespace`](limiter::Open::namespace).
    pub fn namespace<N>(self, namespace: N) -> Self
    where
        N: TryInto<NamespaceName, Error: Into<Error>>,
    {
        Self { inner: self.inner.namespace(namespace), ..self }
    }

    /// See [`Open::client`](limiter::Open::client).
    pub fn client(self, client: Client) -> Self {
        Self { inner: self.inner.client(client), ..self }
    }

    /// See [`Open::caller_identity`](limiter::Open::caller_identity).
    pub fn caller_identity(self, config: &SdkConfig) -> Self {
        Self { inner: self.inner.caller_identity(config), ..self }
    }

    /// See [`Open::provision`](limiter::Open::provision).
    pub fn provision(self, provision: impl Provision) -> Self {
        Self { inner: self.inner.provision(provision), ..self }
    }

    /// See [`Open::settings`](limiter::Open::settings).
    pub fn settings(self, settings: Builder) -> Self {
        Self { settings, ..self }
    }

    /// See [`Open::deadline`](limiter::Open::deadline).
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { inner: self.inner.deadline(deadline), ..self }
    }

    /// Joins the stack.
    ///
    /// # Errors
    /// Those of [`Open`](limiter::Open), and [`Error::Unavailable`] if the operating system cannot start a thread.
    pub fn open(self) -> Result<RateLimiter, Error> {
        let runtime = Runtime::start().map_err(|_| Unavailable::NoThread)?;
        let inner = runtime.wait(self.inner.settings(self.settings).into_future())??;
        Ok(RateLimiter { inner, runtime })
    }
}
