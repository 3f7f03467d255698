//! The bound on store calls in flight.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds how many store calls of a limiter are in flight at once. Clones share the bound.
///
/// A task that holds a permit waits only for its store call, so a permit is always given back.
#[derive(Clone, Debug)]
pub(crate) struct StoreCallPermits {
    free: Arc<Semaphore>,
    all: usize,
}

/// The permit of one call in flight. It is given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: Option<OwnedSemaphorePermit>,
    /// `true` if the call had to wait for its permit.
    pub(crate) waited: bool,
}

impl StoreCallPermits {
    pub(crate) fn new(all: usize) -> Self {
        let all = all.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Waits for a permit, first come first served.
    pub(crate) async fn take(&self) -> Permit {
        match self.free.clone().try_acquire_owned() {
            Ok(permit) => Permit {
                _permit: Some(permit),
                waited: false,
            },
            // The semaphore is never closed.
            Err(_) => Permit {
                _permit: self.free.clone().acquire_owned().await.ok(),
                waited: true,
            },
        }
    }

    /// Returns the number of permits.
    pub(crate) fn all(&self) -> usize {
        self.all
    }

    /// Returns `true` if a call is in flight.
    pub(crate) fn any_in_flight(&self) -> bool {
        self.free.available_permits() < self.all
    }
}
