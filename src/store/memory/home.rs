//! The context of a bucket's decisions: the clock, and the stored limits and entities.

use std::sync::{Arc, LazyLock, Weak};

use super::{MemoryStore, buckets::Buckets, entry::Entry, records::Tables, shape::Recent};
use crate::{
    clock::{Clock, MonotonicClock},
    model::{ConfigScope, EntityId, Limits, Resource},
    store::{LookUp, Waiters},
};

/// The context of a store's buckets under one clock. Every bucket refers to the home of the limiter that created it, so
/// the holder of a bucket needs no reference to the limiter: counting one more reference would cost as much as the
/// decision.
#[derive(Debug)]
pub(crate) struct Home {
    time: Time,
    tables: Arc<Tables>,
    /// The waiters for capacity. All clocks share them, because they wait for the same buckets.
    waiters: Arc<Waiters>,
    /// Weak, because the buckets hold the home.
    buckets: Weak<Buckets>,
}

/// The source of the time.
#[derive(Debug)]
enum Time {
    /// One clock for all limiters, because they may share a store. Read without a virtual call.
    Own,
    Given(Arc<dyn Clock>),
}

static CLOCK: LazyLock<Arc<MonotonicClock>> = LazyLock::new(|| Arc::new(MonotonicClock::new()));

impl Home {
    pub(super) fn new(buckets: &Arc<Buckets>, tables: &Arc<Tables>) -> Arc<Self> {
        let (tables, buckets) = (tables.clone(), Arc::downgrade(buckets));
        Arc::new(Self { time: Time::Own, tables, waiters: Arc::default(), buckets })
    }

    /// Returns the same home with another clock.
    pub(super) fn under(&self, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (tables, waiters, buckets) = (self.tables.clone(), self.waiters.clone(), self.buckets.clone());
        Arc::new(Self { time: Time::Given(clock), tables, waiters, buckets })
    }

    /// Returns the time, epoch ms.
    #[inline]
    pub(crate) fn now(&self) -> i64 {
        match &self.time {
            Time::Own => CLOCK.now(),
            Time::Given(clock) => clock.now(),
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match &self.time {
            Time::Own => CLOCK.clone(),
            Time::Given(clock) => clock.clone(),
        }
    }

    /// Returns the waiters for capacity.
    pub(crate) fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// Returns `true` if limits or entities were ever stored.
    #[inline]
    pub(crate) fn has_records(&self) -> bool {
        !self.tables.is_empty()
    }

    /// Returns an entity and the configs of several scopes, without awaiting.
    pub(crate) fn look_up_now(&self, entity: Option<&EntityId>, scopes: &[ConfigScope]) -> LookUp {
        self.tables.look_up(entity, scopes)
    }

    /// Returns the store; `None` if it was dropped.
    pub(crate) fn store(self: &Arc<Self>) -> Option<MemoryStore> {
        Some(MemoryStore { buckets: self.buckets.upgrade()?, tables: self.tables.clone(), home: self.clone() })
    }

    /// Calls `work` with the cache of shapes that the entry's part shares, or with an empty one if the store was
    /// dropped.
    pub(super) fn with_recent<T>(&self, entry: &Entry, work: impl FnOnce(&Recent) -> T) -> T {
        match self.buckets.upgrade() {
            Some(buckets) => work(buckets.recent(entry)),
            None => work(&Recent::default()),
        }
    }

    /// Notes that an entry may be full earlier than expected.
    pub(super) fn hurry(&self, entry: &Entry) {
        if let Some(buckets) = self.buckets.upgrade() {
            buckets.hurry(entry);
        }
    }
}

/// The values with which a bucket was created, shared by all buckets with the same values.
#[derive(Debug)]
pub(super) struct Kin {
    pub(super) home: Arc<Home>,
    pub(super) resource: Resource,
    /// The limits of the first request for the bucket. Usually every request has the same.
    pub(super) limits: Limits,
}
