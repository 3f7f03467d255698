//! Counts the waiters of each bucket in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::model::{BucketKey, KeyParts};

/// The number of waiters of each bucket.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<BucketKey, usize>>);

/// One waiter. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct Ticket {
    waiters: Arc<Waiters>,
    key: BucketKey,
}

impl Waiters {
    /// Counts one more waiter for a bucket.
    ///
    /// # Errors
    /// The number of waiters, if it is `most` already.
    pub(crate) fn enter(self: &Arc<Self>, key: KeyParts<'_>, most: usize) -> Result<Ticket, usize> {
        let key = key.to_key();
        let mut counts = self.lock();
        let waiting = counts.get(&key).copied().unwrap_or(0);
        if waiting >= most {
            return Err(waiting);
        }
        counts.insert(key.clone(), waiting + 1);
        drop(counts);
        Ok(Ticket {
            waiters: self.clone(),
            key,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BucketKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.waiters.lock();
        match counts.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.remove(&self.key);
            }
        }
    }
}
