//! A granted cost.

use std::future::IntoFuture;

use super::runtime::Runtime;
use crate::{
    error::{Error, Invalid},
    limiter::{self, SettleError},
    model::{EntityId, LimitStatus, Limits, Resource},
};

/// [`Lease`](limiter::Lease). Dropped: rolled back in the background.
#[derive(Debug)]
#[must_use = "a lease that is dropped is rolled back"]
pub struct Lease {
    pub(super) inner: limiter::Lease,
    pub(super) runtime: Runtime,
}

/// A lease's difference on its way to the store. Dropping it changes nothing.
#[derive(Debug)]
pub struct Settlement {
    inner: limiter::Settlement,
    runtime: Runtime,
}

impl Settlement {
    /// Waits until the difference is written.
    ///
    /// # Errors
    /// [`SettleError`] where it was not.
    pub fn wait(self) -> Result<(), SettleError> {
        self.runtime.wait(self.inner.into_future()).unwrap_or(Err(SettleError::ShutDown))
    }
}

impl Lease {
    /// Who is charged.
    pub fn entity(&self) -> &EntityId {
        self.inner.entity()
    }

    /// For what.
    pub fn resource(&self) -> &Resource {
        self.inner.resource()
    }

    /// The limits of the entity's bucket.
    pub fn limits(&self) -> &Limits {
        self.inner.limits()
    }

    /// The parent whose bucket is charged too.
    pub fn parent(&self) -> Option<&EntityId> {
        self.inner.parent()
    }

    /// As [`Lease::is_degraded`](limiter::Lease::is_degraded).
    pub fn is_degraded(&self) -> bool {
        self.inner.is_degraded()
    }

    /// As [`Lease::shadow_denials`](limiter::Lease::shadow_denials).
    pub fn shadow_denials(&self) -> &[LimitStatus] {
        self.inner.shadow_denials()
    }

    /// As [`Lease::consumed`](limiter::Lease::consumed).
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.inner.consumed(name)
    }

    /// As [`Lease::adjust`](limiter::Lease::adjust).
    ///
    /// # Errors
    /// As there.
    pub fn adjust(&mut self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.inner.adjust(name, tokens)
    }

    /// As [`Lease::settle`](limiter::Lease::settle).
    ///
    /// # Errors
    /// As there.
    pub fn settle(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.inner.settle(name, tokens)
    }

    /// As [`Lease::release`](limiter::Lease::release).
    ///
    /// # Errors
    /// As there.
    pub fn release(&mut self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.inner.release(name, tokens)
    }

    /// As [`Lease::consume`](limiter::Lease::consume).
    ///
    /// # Errors
    /// As there.
    pub fn consume(&mut self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = self.runtime.wait(self.inner.ask(name, tokens)?)??;
        self.inner.absorb(more);
        Ok(())
    }

    /// As [`Lease::status`](limiter::Lease::status).
    pub fn status(&self) -> Vec<LimitStatus> {
        self.inner.status()
    }

    /// As [`Lease::commit`](limiter::Lease::commit): on its way when this returns.
    pub fn commit(self) -> Settlement {
        Settlement { inner: self.inner.commit(), runtime: self.runtime }
    }

    /// As [`Lease::rollback`](limiter::Lease::rollback).
    pub fn rollback(self) -> Settlement {
        Settlement { inner: self.inner.rollback(), runtime: self.runtime }
    }
}
