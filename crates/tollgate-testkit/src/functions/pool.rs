//! The places in which a function's processes run.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{function::Function, sandbox::Sandbox};

/// Places for processes. Any of them may get the next event.
#[derive(Debug)]
pub(super) struct Pool {
    free: Mutex<Vec<Sandbox>>,
    permits: Semaphore,
}

impl Pool {
    pub(super) fn new(function: &Function, places: usize) -> Self {
        let sandboxes = (0..places).map(|_| Sandbox::new(function.clone()));
        Self {
            free: Mutex::new(sandboxes.collect()),
            permits: Semaphore::new(places),
        }
    }

    /// Takes a random place, when one is free. Give it back with [`give`](Self::give).
    pub(super) async fn take(&self, choice: usize) -> (Sandbox, SemaphorePermit<'_>) {
        let permit = self.permits.acquire().await;
        let permit = permit.unwrap_or_else(|_| unreachable!("the semaphore is never closed"));
        let mut free = self.free();
        let index = choice % free.len();
        (free.swap_remove(index), permit)
    }

    pub(super) fn give(&self, sandbox: Sandbox, permit: SemaphorePermit<'_>) {
        self.free().push(sandbox);
        drop(permit);
    }

    /// Returns all places, when no event is on its way.
    pub(super) fn into_sandboxes(self) -> Vec<Sandbox> {
        self.free
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self) -> MutexGuard<'_, Vec<Sandbox>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
