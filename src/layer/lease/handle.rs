//! The handle through which handlers use the request's lease.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use crate::layer::{RateLimitStatus, lease::lease_slot::LeaseSlot};
use crate::{
    error::{Error, Invalid},
    limiter::{Lease, LeasePartMut, PartIndex},
    model::Cost,
};

/// A handle to the lease of the current request.
///
/// The layer puts one into the request's extensions, unless its policy is
/// [`without_handle`](crate::layer::PolicyBuilder::without_handle). With the feature `axum` it is
/// an extractor. Clones share the lease. The lease is committed when the response body and the last
/// handle are gone: a handle that is moved to a task keeps it open.
///
/// An amount that is set here for a limit, by [`settle`](Self::settle), [`adjust`](Self::adjust) or
/// [`release`](Self::release), takes precedence over what the policy's
/// [rules](crate::layer::Settle) find: they leave that limit alone. If an
/// [outcome](crate::layer::Outcome) gives the limit back, only amounts that are set after the
/// response's head count.
///
/// If the request passed uncharged (exempt or unlimited, without a decision of the store, or
/// because its policy only observes), the handle has no lease: every call is accepted and has no
/// effect. [`is_degraded`](Self::is_degraded) and [`status`](Self::status) show it.
#[derive(Clone)]
pub struct LeaseHandle {
    /// `None` if the request is unlimited.
    slot: Option<Arc<LeaseSlot>>,
    /// The part of the lease that the handle means.
    part: PartIndex,
    /// The lease of a layer around the one that lets the request pass unlimited.
    outer: Option<Weak<LeaseSlot>>,
}

/// Shows no fields, because they contain the whole limiter.
impl fmt::Debug for LeaseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseHandle").finish_non_exhaustive()
    }
}

impl LeaseHandle {
    pub(crate) fn new(slot: Arc<LeaseSlot>) -> Self {
        Self {
            slot: Some(slot),
            part: 0,
            outer: None,
        }
    }

    /// Creates the handle of a request that passes unlimited.
    pub(crate) fn of_nothing() -> Self {
        Self {
            slot: None,
            part: 0,
            outer: None,
        }
    }

    /// Creates the same handle for a request that a layer around this one has charged.
    pub(crate) fn of_nothing_inside(outer: Option<Weak<LeaseSlot>>) -> Self {
        Self {
            slot: None,
            part: 0,
            outer,
        }
    }

    /// Returns the last lease with which the request was marked. The link does not keep the lease
    /// open.
    pub(crate) fn link(&self) -> Option<Weak<LeaseSlot>> {
        self.slot
            .as_ref()
            .map(Arc::downgrade)
            .or_else(|| self.outer.clone())
    }

    /// Takes the lease that the handler has acquired.
    pub(crate) fn fill(&self, lease: Lease) -> Result<(), Invalid> {
        self.slot.as_ref().map_or(Ok(()), |slot| slot.fill(lease))
    }

    /// Records that the request passes uncharged.
    pub(crate) fn fill_uncharged(&self, status: RateLimitStatus) -> Result<(), Invalid> {
        self.slot
            .as_ref()
            .map_or(Ok(()), |slot| slot.fill_uncharged(status))
    }

    fn change(
        &self,
        name: &str,
        change: impl FnOnce(LeasePartMut<'_>) -> Result<(), Invalid>,
    ) -> Result<(), Invalid> {
        self.slot
            .as_ref()
            .map_or(Ok(()), |slot| slot.change(self.part, name, change))
    }

    /// Returns a handle whose methods mean the limits of `resource`, if the policy charges several
    /// resources ([`PolicyBuilder::also`](crate::layer::PolicyBuilder::also)). The methods of the
    /// request's own handle mean the policy's own resource. [`status`](Self::status) always shows
    /// all resources. Like a clone, the handle keeps the lease open.
    ///
    /// # Errors
    /// [`Invalid::UnknownResource`]; [`Invalid::LeaseClosed`] if the lease was rolled back, or is
    /// not acquired yet.
    pub fn part(&self, resource: &str) -> Result<Self, Invalid> {
        let part = match &self.slot {
            Some(slot) => slot.part_index(resource)?,
            None => 0,
        };
        Ok(Self {
            part,
            ..self.clone()
        })
    }

    /// Returns `true` if the store gave no decision: the request passed without one, or this
    /// process decided by its share of the limits.
    pub fn is_degraded(&self) -> bool {
        self.slot.as_ref().is_some_and(|slot| slot.is_degraded())
    }

    /// Changes the used amount of the limit `name` by a difference in tokens. Local: it makes no
    /// round trip, and the amount may go far beyond what was granted.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`]; [`Invalid::LeaseClosed`] if the lease was rolled back, or is not
    /// acquired yet.
    pub fn adjust(&self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.change(name, |mut lease| lease.adjust(name, tokens))
    }

    /// Sets the amount that was really used of the limit `name`, in tokens. Local.
    ///
    /// # Errors
    /// The errors of [`adjust`](Self::adjust).
    pub fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.change(name, |mut lease| lease.settle(name, tokens))
    }

    /// Gives back `tokens` of the limit `name` that the request does not need. Local.
    ///
    /// # Errors
    /// The errors of [`adjust`](Self::adjust).
    pub fn release(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.change(name, |mut lease| lease.release(name, tokens))
    }

    /// Asks for `tokens` more of the limit `name`, also from the parent if it is charged, and fails
    /// if one of them does not have them. One round trip, one write unit per bucket.
    ///
    /// A degraded lease does not ask the store: it asks this process's share of the limits, or
    /// nothing if the request passed without a decision.
    ///
    /// # Errors
    /// The errors of an acquire; the lease stays as it is. [`Invalid::LeaseClosed`] if the lease
    /// was rolled back, also if that happens during the call: nothing stays charged then. With the
    /// feature `axum` a handler can answer with the error: the client gets the answer that the
    /// layer itself would have given, and the lease is committed.
    pub async fn consume(&self, name: &str, tokens: u64) -> Result<(), Error> {
        self.ask(&[(name, tokens)]).await
    }

    /// Asks for more of several limits, as [`consume`](Self::consume) does, all of it or nothing.
    /// Limits that `cost` does not name are charged nothing.
    ///
    /// # Errors
    /// The errors of [`consume`](Self::consume).
    pub async fn consume_all(&self, cost: &Cost) -> Result<(), Error> {
        self.ask(&cost.named()).await
    }

    async fn ask(&self, cost: &[(&str, u64)]) -> Result<(), Error> {
        let Some(slot) = &self.slot else {
            return Ok(());
        };
        let Some(more) = slot.ask(self.part, cost)? else {
            return Ok(());
        };
        slot.absorb(more.await?)?;
        Ok(())
    }

    /// Returns the tokens of the limit `name` that the lease counts as used; `None` if there is no
    /// such limit, if the request passed uncharged, or if the lease was rolled back.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.slot.as_ref()?.consumed(self.part, name)
    }

    /// Returns the state of the limits when the lease was granted, minus the adjustments since. If
    /// the lease was rolled back, the status has no limits and is marked as degraded.
    pub fn status(&self) -> RateLimitStatus {
        self.slot
            .as_ref()
            .map_or_else(RateLimitStatus::open, |slot| slot.status())
    }
}
