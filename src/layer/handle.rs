//! The lease of the request at hand, shared by all who may know what it really costs.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;

use super::{Policy, RateLimitStatus};
use crate::{
    error::{Error, Invalid},
    limiter::{Lease, More},
    model::{LimitName, LimitStatus},
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
#[derive(Clone)]
pub struct LeaseHandle {
    held: Arc<Held>,
}

/// Says no more: behind the lease stands the whole limiter.
impl fmt::Debug for LeaseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseHandle").finish_non_exhaustive()
    }
}

/// A lease that is committed when it goes.
pub(super) struct Held {
    state: Mutex<State>,
    policy: Policy,
}

/// A lease, and who said what of it.
struct State {
    /// `None` once it was rolled back.
    lease: Option<Lease>,
    /// Limits that rules leave alone: a handler spoke of them, or they were given back. One bit for each
    /// [position](Lease::position).
    fixed: u32,
    /// Limits whose real use was told.
    known: u32,
}

/// More that was asked for.
pub(super) type Asked = Pin<Box<dyn Future<Output = Result<More, Error>> + Send>>;

/// The lease of a request whose inner service runs.
pub(super) enum Holder {
    /// Handlers may hold it too.
    Shared(LeaseHandle),
    /// Nobody else knows of it.
    Own(Held),
}

impl Holder {
    pub(super) fn new(lease: Lease, policy: Policy) -> Self {
        let shared = policy.rules.settlement.shares_lease;
        let held = Held { state: Mutex::new(State { lease: Some(lease), fixed: 0, known: 0 }), policy };
        if shared { Self::Shared(LeaseHandle { held: Arc::new(held) }) } else { Self::Own(held) }
    }

    pub(super) fn held(&self) -> &Held {
        match self {
            Self::Shared(handle) => &handle.held,
            Self::Own(held) => held,
        }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.held().policy
    }

    /// The handle, where anybody else holds one.
    pub(super) fn still_shared(self) -> Option<LeaseHandle> {
        match self {
            Self::Shared(handle) if Arc::strong_count(&handle.held) > 1 => Some(handle),
            _ => None,
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder").finish_non_exhaustive()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = state.lease.take() {
            let known = state.known;
            self.policy.rules.cost.learn(&lease, |limit| known & bit(&lease, limit) != 0);
            // The settlement goes its way by itself.
            drop(lease.commit());
        }
    }
}

/// The mark of a limit; none for those beyond the first 32, which rules treat as if nothing was said.
fn bit(lease: &Lease, limit: &str) -> u32 {
    let position = lease.position(limit).and_then(|position| u32::try_from(position).ok());
    position.and_then(|position| 1_u32.checked_shl(position)).unwrap_or(0)
}

impl LeaseHandle {
    /// Corrects what was used of the limit `name` by a difference in tokens. Local: no round trip,
    /// and no limit on how much more is used.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`]; [`Invalid::LeaseClosed`] where it was rolled back.
    pub fn adjust(&self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.held.told(name, |lease| lease.adjust(name, tokens))
    }

    /// Sets what was really used of the limit `name`, in tokens. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.held.told(name, |lease| lease.settle(name, tokens))
    }

    /// Gives back `tokens` of the limit `name` that the request does not need. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn release(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.held.told(name, |lease| lease.release(name, tokens))
    }

    /// Asks for `tokens` more of the limit `name`, of the parent too where it is charged, and fails
    /// where one of them does not have them. One round trip, one write unit a bucket.
    ///
    /// # Errors
    /// As an acquire; the lease stays as it is. [`Invalid::LeaseClosed`] where it was rolled back,
    /// meanwhile too: nothing stays charged then.
    pub async fn consume(&self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = {
            let state = self.held.lock();
            state.lease.as_ref().ok_or(Invalid::LeaseClosed)?.ask(name, tokens)?
        };
        let more = more.await?;
        self.held.lock().lease.as_mut().ok_or(Invalid::LeaseClosed)?.absorb(more);
        Ok(())
    }

    /// Tokens of the limit `name` that the lease counts as used; `None` where there is no such
    /// limit, or the lease was rolled back.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.held.consumed(name)
    }

    /// Where the limits stood when the lease was granted, less what was adjusted since. Without
    /// limits, and marked as degraded, where the lease was rolled back.
    pub fn status(&self) -> RateLimitStatus {
        let state = self.held.lock();
        let Some(lease) = state.lease.as_ref() else {
            return RateLimitStatus::undecided();
        };
        RateLimitStatus {
            entity: Some(lease.entity().clone()),
            resource: Some(lease.resource().clone()),
            limits: lease.status(),
            degraded: false,
        }
    }
}

impl Held {
    pub(super) fn consumed(&self, name: &str) -> Option<u64> {
        self.lock().lease.as_ref()?.consumed(name)
    }

    /// Sets what a rule found was used, unless rules are to leave the limit alone. Stored limits may
    /// lack it.
    pub(super) fn found(&self, name: &str, tokens: u64) {
        let State { lease: Some(lease), fixed, known } = &mut *self.lock() else {
            return;
        };
        let bit = bit(lease, name);
        if *fixed & bit == 0 && lease.settle(name, tokens).is_ok() {
            *known |= bit;
        }
    }

    /// Gives a limit back, whatever was found and rules may find yet.
    pub(super) fn refund(&self, name: &str) {
        let State { lease: Some(lease), fixed, known } = &mut *self.lock() else {
            return;
        };
        let bit = bit(lease, name);
        // Where the lease has no such limit there is nothing to give back.
        let _ = lease.settle(name, 0);
        *fixed |= bit;
        *known &= !bit;
    }

    /// Gives everything back, whatever was found and rules may find yet.
    pub(super) fn refund_all(&self) {
        let State { lease: Some(lease), fixed, known } = &mut *self.lock() else {
            return;
        };
        lease.settle_all(0);
        (*fixed, *known) = (u32::MAX, 0);
    }

    /// Where the limits stand; nothing where the lease was rolled back.
    pub(super) fn statuses(&self) -> SmallVec<[LimitStatus; 1]> {
        self.lock().lease.as_ref().map_or_else(SmallVec::new, |lease| lease.statuses().collect())
    }

    pub(super) fn rollback(&self) {
        if let Some(lease) = self.lock().lease.take() {
            drop(lease.rollback());
        }
    }

    /// Tokens of the limit that are used beyond what was charged.
    pub(super) fn overdraft(&self, name: &LimitName) -> u64 {
        self.lock().lease.as_ref().map_or(0, |lease| lease.overdraft(name.as_str()))
    }

    /// Tokens that full buckets hold of the limit.
    pub(super) fn capacity(&self, name: &LimitName) -> Option<u64> {
        self.lock().lease.as_ref()?.capacity(name.as_str())
    }

    /// Asks for more of the limit, without holding on to the lease.
    pub(super) fn ask(&self, name: &LimitName, tokens: u64) -> Result<Asked, Error> {
        let state = self.lock();
        Ok(Box::pin(state.lease.as_ref().ok_or(Invalid::LeaseClosed)?.ask(name.as_str(), tokens)?))
    }

    /// Takes over what was granted in addition, for what was used already.
    pub(super) fn absorb(&self, name: &LimitName, more: More) {
        // Without a lease it is dropped, and so given back.
        if let Some(lease) = &mut self.lock().lease {
            let used = lease.consumed(name.as_str()).unwrap_or(0);
            lease.absorb(more);
            // It has the limit, of which more was granted.
            let _ = lease.settle(name.as_str(), used);
        }
    }

    /// A change that a handler makes.
    fn told(&self, name: &str, change: impl FnOnce(&mut Lease) -> Result<(), Invalid>) -> Result<(), Invalid> {
        let state = &mut *self.lock();
        let lease = state.lease.as_mut().ok_or(Invalid::LeaseClosed)?;
        change(lease)?;
        let bit = bit(lease, name);
        state.fixed |= bit;
        state.known |= bit;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
