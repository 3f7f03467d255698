//! The lease of the request at hand, shared by all who may know what it really costs.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use smallvec::SmallVec;

use super::{
    RateLimitStatus,
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
pub(super) struct Held(Mutex<Option<Lease>>);

/// The lease of a request whose inner service runs.
pub(super) enum Holder {
    /// Handlers may hold it too.
    Shared(LeaseHandle),
    /// Nobody else knows of it.
    Own(Held),
}

impl Holder {
    pub(super) fn new(lease: Lease, shared: bool) -> Self {
        let held = Held(Mutex::new(Some(lease)));
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
        let lease = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(lease) = lease.take() {
            // The settlement goes its way by itself.
            drop(lease.commit());
        }
    }
}

impl LeaseHandle {
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
    /// # Errors
    /// As an acquire; the lease stays as it is. [`Invalid::LeaseClosed`] where it was rolled back,
    /// meanwhile too: nothing stays charged then.
    pub async fn consume(&self, name: &str, tokens: u64) -> Result<(), Error> {
        let more = {
            let lease = self.held.lock();
            lease.as_ref().ok_or(Invalid::LeaseClosed)?.ask(name, tokens)?
        };
        let more = more.await?;
        self.held.with(|lease| {
            lease.absorb(more);
            Ok(())
        })?;
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
        let lease = self.held.lock();
        let Some(lease) = lease.as_ref() else {
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
        self.lock().as_ref()?.consumed(name)
    }

    pub(super) fn settle(&self, name: &str, tokens: u64) -> Result<(), Invalid> {
        self.with(|lease| lease.settle(name, tokens))
    }

    /// Where the limits stand; nothing where the lease was rolled back.
    pub(super) fn statuses(&self) -> SmallVec<[LimitStatus; 1]> {
        self.lock().as_ref().map_or_else(SmallVec::new, |lease| lease.statuses().collect())
    }

    /// How long until the same request would be granted again, and what time it is (epoch ms).
    /// `None` where it never would be, or the lease was rolled back.
    pub(super) fn wait_for_the_same(&self) -> Option<(Duration, i64)> {
        let lease = self.lock();
        let lease = lease.as_ref()?;
        Some((lease.wait_for_the_same()?, lease.now()))
    }

    /// Epoch ms; 0 where the lease was rolled back.
    pub(super) fn now(&self) -> i64 {
        self.lock().as_ref().map_or(0, Lease::now)
    }

    pub(super) fn partition(&self, keys: &PartitionKeys) -> Option<PartitionKey> {
        self.lock().as_ref().map(|lease| keys.key(lease.entity(), lease.resource()))
    }

    pub(super) fn rollback(&self) {
        if let Some(lease) = self.lock().take() {
            drop(lease.rollback());
        }
    }

    /// Sets what was used of every limit.
    pub(super) fn settle_all(&self, tokens: u64) {
        if let Some(lease) = self.lock().as_mut() {
            lease.settle_all(tokens);
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Lease) -> Result<T, Invalid>) -> Result<T, Invalid> {
        change(self.lock().as_mut().ok_or(Invalid::LeaseClosed)?)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
