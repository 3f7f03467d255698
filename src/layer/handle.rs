//! The lease of the request at hand, shared by all who may know what it really costs.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use smallvec::SmallVec;

use super::{
    RateLimitStatus, ShadowVerdict,
    headers::{PartitionKey, PartitionKeys},
};
use crate::{
    error::{Error, Invalid},
    limiter::Lease,
    model::LimitStatus,
};

/// The lease of the request at hand.
///
/// The layer puts one into the request's extensions, unless its policy is
/// [`without_handle`](super::PolicyBuilder::without_handle); with the feature `axum` it is an
/// extractor.
/// Clones share the lease. It is committed when the response body and the last handle are gone: a
/// handle that is moved to a task keeps it open.
///
/// Where the request passed uncharged (without a decision of the store, or because its policy only
/// observes) the handle stands for no lease: everything is accepted and does nothing.
/// [`is_degraded`](Self::is_degraded) and [`status`](Self::status) tell.
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
pub(super) struct Held(Mutex<State>);

/// What became of the request's lease.
enum State {
    /// It is held.
    Lease(Lease),
    /// The handler has yet to acquire it.
    Open,
    /// There is none: the request passed uncharged.
    Uncharged(Box<RateLimitStatus>),
    /// It was rolled back.
    Closed,
}

/// The lease of a request whose inner service runs.
pub(super) enum Holder {
    /// Handlers may hold it too.
    Shared(LeaseHandle),
    /// Nobody else knows of it.
    Own(Held),
}

impl Holder {
    pub(super) fn new(lease: Lease, shared: bool) -> Self {
        Self::of(State::Lease(lease), shared)
    }

    /// That of a request that passes uncharged.
    pub(super) fn uncharged(status: RateLimitStatus, shared: bool) -> Self {
        Self::of(State::Uncharged(Box::new(status)), shared)
    }

    fn of(state: State, shared: bool) -> Self {
        let held = Held(Mutex::new(state));
        if shared { Self::Shared(LeaseHandle { held: Arc::new(held) }) } else { Self::Own(held) }
    }

    pub(super) fn held(&self) -> &Held {
        match self {
            Self::Shared(handle) => &handle.held,
            Self::Own(held) => held,
        }
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
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Lease(lease) = std::mem::replace(state, State::Closed) {
            // The settlement goes its way by itself.
            drop(lease.commit());
        }
    }
}

impl LeaseHandle {
    /// One whose lease the handler acquires.
    pub(super) fn open() -> Self {
        Self { held: Arc::new(Held(Mutex::new(State::Open))) }
    }

    /// Holds the lease that the handler has acquired.
    pub(super) fn fill(&self, lease: Lease) -> Result<(), Invalid> {
        self.held.fill(State::Lease(lease))
    }

    /// The request passes uncharged.
    pub(super) fn fill_uncharged(&self, status: RateLimitStatus) -> Result<(), Invalid> {
        self.held.fill(State::Uncharged(Box::new(status)))
    }

    /// Whether the store gave no decision: the request passed without one, or this process decided by its
    /// share of the limits.
    pub fn is_degraded(&self) -> bool {
        match &*self.held.lock() {
            State::Lease(lease) => lease.is_degraded(),
            State::Uncharged(status) => status.degraded,
            State::Open | State::Closed => false,
        }
    }

    /// Corrects what was used of the limit `name` by a difference in tokens. Local: no round trip,
    /// and no limit on how much more is used.
    ///
    /// # Errors
    /// [`Invalid::UnknownLimit`]; [`Invalid::LeaseClosed`] where it was rolled back.
    pub fn adjust(&self, name: &str, tokens: i64) -> Result<(), Invalid> {
        self.held.with(|lease| lease.adjust(name, tokens))
    }

    /// Sets what was really used of the limit `name`, in tokens. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.held.with(|lease| lease.settle(name, tokens))
    }

    /// Gives back `tokens` of the limit `name` that the request does not need. Local.
    ///
    /// # Errors
    /// As [`adjust`](Self::adjust).
    pub fn release(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.held.with(|lease| lease.release(name, tokens))
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
        let more = {
            match &*self.held.lock() {
                State::Lease(lease) => lease.ask(name, tokens)?,
                State::Uncharged(_) => return Ok(()),
                State::Open | State::Closed => return Err(Invalid::LeaseClosed.into()),
            }
        };
        let more = more.await?;
        self.held.with(|lease| {
            lease.absorb(more);
            Ok(())
        })?;
        Ok(())
    }

    /// Tokens of the limit `name` that the lease counts as used; `None` where there is no such
    /// limit, or no lease.
    pub fn consumed(&self, name: &str) -> Option<u64> {
        self.held.consumed(name)
    }

    /// Where the limits stood when the lease was granted, less what was adjusted since. Without
    /// limits, and marked as degraded, where the lease was rolled back.
    pub fn status(&self) -> RateLimitStatus {
        match &*self.held.lock() {
            State::Lease(lease) => RateLimitStatus::of(lease),
            State::Uncharged(status) => (**status).clone(),
            State::Open => RateLimitStatus::open(),
            State::Closed => RateLimitStatus::undecided(),
        }
    }
}

impl Held {
    pub(super) fn consumed(&self, name: &str) -> Option<u64> {
        match &*self.lock() {
            State::Lease(lease) => lease.consumed(name),
            _ => None,
        }
    }

    pub(super) fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.with(|lease| lease.settle(name, tokens))
    }

    /// Where the limits stand; nothing where the lease was rolled back.
    pub(super) fn statuses(&self) -> SmallVec<[LimitStatus; 1]> {
        match &*self.lock() {
            State::Lease(lease) => lease.statuses().collect(),
            _ => SmallVec::new(),
        }
    }

    /// What limits that only observe would have done, where some do.
    pub(super) fn shadow_verdict(&self) -> Option<ShadowVerdict> {
        match &*self.lock() {
            State::Lease(lease) => ShadowVerdict::of(lease),
            State::Uncharged(status) => status.shadow.clone(),
            State::Open | State::Closed => None,
        }
    }

    /// How long until the same request would be granted again, and what time it is (epoch ms).
    /// `None` where it never would be, or the lease was rolled back.
    pub(super) fn wait_for_the_same(&self) -> Option<(Duration, i64)> {
        match &*self.lock() {
            State::Lease(lease) => Some((lease.wait_for_the_same()?, lease.now())),
            _ => None,
        }
    }

    /// Epoch ms; 0 where there is no lease.
    pub(super) fn now(&self) -> i64 {
        match &*self.lock() {
            State::Lease(lease) => lease.now(),
            _ => 0,
        }
    }

    pub(super) fn partition(&self, keys: &PartitionKeys) -> Option<PartitionKey> {
        match &*self.lock() {
            State::Lease(lease) => Some(keys.key(lease.entity(), lease.resource())),
            _ => None,
        }
    }

    pub(super) fn rollback(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Closed);
        if let State::Lease(lease) = state {
            drop(lease.rollback());
        }
    }

    /// Sets what was used of every limit.
    pub(super) fn settle_all(&self, tokens: u64) {
        if let State::Lease(lease) = &mut *self.lock() {
            lease.settle_all(tokens);
        }
    }

    fn fill(&self, filling: State) -> Result<(), Invalid> {
        let mut state = self.lock();
        match *state {
            State::Open => *state = filling,
            // Dropped, a lease is rolled back.
            State::Closed => return Err(Invalid::LeaseClosed),
            State::Lease(_) | State::Uncharged(_) => return Err(Invalid::LeaseHeld),
        }
        Ok(())
    }

    /// Of a request that passed uncharged there is nothing to change.
    fn with(&self, change: impl FnOnce(&mut Lease) -> Result<(), Invalid>) -> Result<(), Invalid> {
        match &mut *self.lock() {
            State::Lease(lease) => change(lease),
            State::Uncharged(_) => Ok(()),
            State::Open | State::Closed => Err(Invalid::LeaseClosed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
