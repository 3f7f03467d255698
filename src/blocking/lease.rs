//! A lease: a granted cost.

use std::future::IntoFuture;

use super::runtime::Runtime;
use crate::{
    error::{Error, Invalid},
    limiter::{self, SettleError},
    model::{EntityId, LimitStatus, Limits, Resource},
};

/// The blocking form of [`Lease`](limiter::Lease). If it is dropped, it is rolled back in the background.
#[derive(Debug)]
#[must_use = "a lease that is dropped is rolled back"]
pub struct Lease {
    pub(super) inner: limiter::Lease,
    pub(super) runtime: Runtime,
}

/// The difference of a lease, which is being written to the store. Dropping it changes nothing.
#[derive(Debug)]
pub struct Settlement {
    inner: limiter::Settlement,
    runtime: Runtime,
}

impl Settlement {
    /// Waits until the difference is written.
    ///
    /// # Errors
    /// [`SettleError`] if it was not written.
    pub fn wait(self) -> Result<(), SettleError> {
        self.runtime.wait(self.inner.into_future()).unwrap_or(Err(SettleError::ShutDown))
    }
}

impl Lease {
    /// Returns the entity that is charged.
    pub fn entity(&self) -> &EntityId {
        self.inner.entity()
    }

    /// Returns the resource that is charged.
    pub fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    /// Returns the limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    /// Returns the parent if its bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        self.inner.parent()
    }

    /// See [`Lease::is_degraded`](limiter::Lease::is_degraded).
    pub fn is_degraded(&self) -> bool {
        self.inner.is_degraded()
    }

    /// See [`Lease::shadow_denials`](limiter::Lease::shadow_denials).
    pub fn shadow_denials(&self) -> &[LimitStatus] {
        self.inner.shadow_denials()
    }

    /// See [`Lease::consumed`](limiter::Lease::consumed).
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.inner.consumed(name)
    }

    /// See [`Lease::adjust`](limiter::Lease::adjust).
    ///
    /// # Errors
    /// Those of that method.
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.inner.adjust(name, tokens)
    }

    /// See [`Lease::settle`](limiter::Lease::settle).
    ///
    /// # Errors
    /// Those of that method.
    pub fn settle(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.inner.settle(name, tokens)
    }

    /// See [`Lease::release`](limiter::Lease::release).
    ///
    /// # Errors
    /// Those of that method.
    pub fn release(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.inner.release(name, tokens)
    }

    /// See [`Lease::consume`](limiter::Lease::consume).
    ///
    /// # Errors
    /// Those of that method.
    pub fn consume(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = self.runtime.wait(self.inner.ask(name, tokens)?)??;
        self.inner.absorb(more);
        Ok(())
    }

    /// See [`Lease::status`](limiter::Lease::status).
    pub fn status(&self) -> Vec<LimitStatus> {
        self.inner.status()
    }

    /// See [`Lease::commit`](limiter::Lease::commit). When this returns, the difference is queued.
    pub fn commit(self) -> Settlement {
        Settlement { inner: self.inner.commit(), runtime: self.runtime }
    }

    /// See [`Lease::rollback`](limiter::Lease::rollback).
    pub fn rollback(self) -> Settlement {
        Settlement { inner: self.inner.rollback(), runtime: self.runtime }
    }
}
