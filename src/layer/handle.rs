//! What handlers know the request's lease by.

use std::{fmt, sync::Arc};

use super::{Policy, RateLimitStatus, held::Held};
use crate::{
    error::{Error, Invalid},
    limiter::{Lease, RateLimiter},
};

/// The lease of the request at hand.
///
/// The layer puts one into the request's extensions, unless its policy is
/// [`without_handle`](super::PolicyBuilder::without_handle); with the feature `axum` it is an
/// extractor.
/// Clones share the lease. It is committed when the response body and the last handle are gone: a
/// handle that is moved to a task keeps it open.
///
/// What is said of a limit here, by [`settle`](Self::settle), [`adjust`](Self::adjust) or
/// [`release`](Self::release), goes before what the policy's [rules](super::Settle) find: they leave
/// that limit alone. Where an [outcome](super::Outcome) gives it back, only what is said after the
/// response's head counts.
///
/// Where the request passed uncharged (exempt or unlimited, without a decision of the store, or because its policy only
/// observes) the handle stands for no lease: everything is accepted and does nothing.
/// [`is_degraded`](Self::is_degraded) and [`status`](Self::status) tell.
#[derive(Clone)]
pub struct LeaseHandle {
    /// `None`: the request is unlimited.
    held: Option<Arc<Held>>,
}

/// Says no more: behind the lease stands the whole limiter.
impl fmt::Debug for LeaseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseHandle").finish_non_exhaustive()
    }
}

impl LeaseHandle {
    pub(super) fn new(held: Arc<Held>) -> Self {
        Self { held: Some(held) }
    }

    /// That of a request that passes unlimited.
    pub(super) fn of_nothing() -> Self {
        Self { held: None }
    }

    /// Holds the lease that the handler has acquired.
    pub(super) fn fill(&self, lease: Lease) -> Result<(), Invalid> {
        self.held.as_ref().map_or(Ok(()), |held| held.fill(lease))
    }

    /// The request passes uncharged.
    pub(super) fn fill_uncharged(&self, status: RateLimitStatus) -> Result<(), Invalid> {
        self.held.as_ref().map_or(Ok(()), |held| held.fill_uncharged(status))
    }

    /// See [`Held::is_for`].
    pub(super) fn is_for(&self, policy: &Policy, limiter: &RateLimiter, entity: &str, resource: &str) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_for(policy, limiter, entity, resource))
    }

    fn told(&self, name: &str, change: impl FnOnce(&mut Lease) -> Result<(), Invalid>) -> Result<(), Invalid> {
        self.held.as_ref().map_or(Ok(()), |held| held.told(name, change))
    }

    /// Returns `true` if the store gave no decision: the request passed without one, or this process decided by its
    /// share of the limits.
    pub fn is_degraded(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.is_degraded())
    }

    /// Corrects what was used of the limit `name` by a difference in tokens. Local: no round trip,
    /// and no limit on how much more is used.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`]; [`Invalid::LeaseClosed`] where it was rolled back.
    pub fn adjust(&self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.told(name, |lease| lease.adjust(name, tokens))
    }

    /// Sets what was really used of the limit `name`, in tokens. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.told(name, |lease| lease.settle(name, tokens))
    }

    /// Gives back `tokens` of the limit `name` that the request does not need. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn release(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.told(name, |lease| lease.release(name, tokens))
    }

    /// Asks for `tokens` more of the limit `name`, of the parent too where it is charged, and fails
    /// where one of them does not have them. One round trip, one write unit a bucket.
    ///
    /// A degraded lease asks where it was granted: nothing, or this process's share of the limits.
    ///
    /// # Errors
    /// As an acquire; the lease stays as it is. [`Invalid::LeaseClosed`] where it was rolled back,
    /// meanwhile too: nothing stays charged then. With the feature `axum` a handler can answer with the
    /// error: the client gets what the layer itself would have answered, and the lease is committed.
    pub async fn consume(&self, name: &str, tokens: u64) -> Result<(), Error> {
        let Some(held) = &self.held else { return Ok(()) };
        let Some(more) = held.ask(name, tokens)? else { return Ok(()) };
        held.absorb(more.await?)?;
        Ok(())
    }

    /// Tokens of the limit `name` that the lease counts as used; `None` where there is no such
    /// limit, the request passed uncharged, or the lease was rolled back.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.held.as_ref()?.consumed(name)
    }

    /// Where the limits stood when the lease was granted, less what was adjusted since. Without
    /// limits, and marked as degraded, where the lease was rolled back.
    pub fn status(&self) -> RateLimitStatus {
        self.held.as_ref().map_or_else(RateLimitStatus::open, |held| held.status())
    }
}
