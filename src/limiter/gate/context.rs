//! What all gates of a limiter share.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use super::{
    super::{background::Background, breaker::Switch, prefetch::Counters, resolver::Resolver},
    record::Kinds,
};
use crate::{
    clock::{Clock, StoreTime},
    model::{Now, WriteId},
    store::{Store, StoreError, StoreErrorKind},
};

/// What all gates of a limiter share.
#[derive(Debug)]
pub(in crate::limiter) struct Context {
    pub(in crate::limiter) store: Arc<dyn Store>,
    pub(in crate::limiter) resolver: Arc<Resolver>,
    pub(in crate::limiter) clock: Arc<dyn Clock>,
    /// The store's time, where the clock goes by it.
    pub(in crate::limiter) time: Option<Arc<StoreTime>>,
    pub(in crate::limiter) background: Background,
    pub(in crate::limiter) settings: Settings,
    pub(in crate::limiter) write_ids: WriteIds,
    pub(in crate::limiter) prefetched: Counters,
    pub(in crate::limiter) kinds: Kinds,
    pub(in crate::limiter) breaker: Arc<Switch>,
}

impl Context {
    /// The time, and how far it may be off.
    pub(in crate::limiter) fn now(&self) -> Now {
        Now { at: self.clock.now(), error: self.clock.error() }
    }

    /// Whether nobody knows yet how far the clock is off.
    pub(super) fn is_timeless(&self) -> bool {
        self.time.as_ref().is_some_and(|time| !time.is_known())
    }

    /// A store call that ends in time, one way or another.
    pub(super) async fn in_time<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut call = pin!(call);
        let mut late = self.background.deadline(self.settings.store_deadline);
        poll_fn(|context| match (call.as_mut().poll(context), Pin::new(&mut late)) {
            (Poll::Ready(answer), _) => Poll::Ready(answer),
            (Poll::Pending, late) => late
                .poll(context)
                .map(|()| Err(StoreError::new(StoreErrorKind::Unknown, "the store did not answer in time"))),
        })
        .await
    }
}

#[derive(Clone, Copy, Debug)]
pub(in crate::limiter) struct Settings {
    /// How long a settled difference waits for a write to ride on.
    pub(in crate::limiter) flush_after: Duration,
    /// How long after the store has said so a bucket counts as short without asking again.
    pub(in crate::limiter) deny_from_memory: Duration,
    /// The deadline of one store call.
    pub(in crate::limiter) store_deadline: Duration,
    /// How many shards a bucket may be split into.
    pub(in crate::limiter) max_shards: u32,
}

/// Ids of writes: a random beginning, then counting.
#[derive(Debug)]
pub(in crate::limiter) struct WriteIds(AtomicU64);

impl WriteIds {
    pub(in crate::limiter) fn new() -> Self {
        Self(AtomicU64::new(fastrand::u64(..)))
    }

    pub(super) fn next(&self) -> WriteId {
        WriteId::from_number(self.0.fetch_add(1, Ordering::Relaxed))
    }
}
