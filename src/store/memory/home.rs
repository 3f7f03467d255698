//! What decides about a bucket beside the bucket: the time, and whether anything is stored.

use std::sync::{Arc, LazyLock, Weak};

use super::{MemoryStore, buckets::Buckets, entry::Entry, records::Tables, shape::Recent};
use crate::{
    clock::{Clock, MonotonicClock},
    model::{ConfigScope, EntityId, Limits, Resource},
    store::{LookUp, Waiters},
};

/// A store's buckets under one clock. Every bucket knows the home of the limiter that made it, so who
/// has the bucket needs no hold on the limiter: counting one more reference would cost as much as
/// deciding does.
#[derive(Debug)]
pub(crate) struct Home {
    time: Time,
    tables: Arc<Tables>,
    /// Who waits for capacity: of all clocks, because they wait for the same buckets.
    waiters: Arc<Waiters>,
    /// Not held: the buckets hold it.
    buckets: Weak<Buckets>,
}

/// Where the time comes from.
#[derive(Debug)]
enum Time {
    /// From one clock for all, read without a call through a table: limiters may share a store.
    Own,
    Given(Arc<dyn Clock>),
}

static CLOCK: LazyLock<Arc<MonotonicClock>> = LazyLock::new(|| Arc::new(MonotonicClock::new()));

impl Home {
    pub(super) fn new(buckets: &Arc<Buckets>, tables: &Arc<Tables>) -> Arc<Self> {
        let (tables, buckets) = (tables.clone(), Arc::downgrade(buckets));
        Arc::new(Self { time: Time::Own, tables, waiters: Arc::default(), buckets })
    }

    /// The same under another clock.
    pub(super) fn under(&self, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (tables, waiters, buckets) = (self.tables.clone(), self.waiters.clone(), self.buckets.clone());
        Arc::new(Self { time: Time::Given(clock), tables, waiters, buckets })
    }

    /// Epoch ms.
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

    /// Who waits for capacity.
    pub(crate) fn waiters(&self) -> &Arc<Waiters> {
        &self.waiters
    }

    /// Returns `true` if limits or entities were ever stored.
    #[inline]
    pub(crate) fn has_records(&self) -> bool {
        !self.tables.is_empty()
    }

    /// An entity and the configs of several scopes, without awaiting.
    pub(crate) fn look_up_now(&self, entity: Option<&EntityId>, scopes: &[ConfigScope]) -> LookUp {
        self.tables.look_up(entity, scopes)
    }

    /// The store; `None` where nobody has it any more.
    pub(crate) fn store(self: &Arc<Self>) -> Option<MemoryStore> {
        Some(MemoryStore { buckets: self.buckets.upgrade()?, tables: self.tables.clone(), home: self.clone() })
    }

    /// Does something with what buckets beside this one have in common with it: of a store that is gone,
    /// there is nothing.
    pub(super) fn with_recent<T>(&self, entry: &Entry, work: impl FnOnce(&Recent) -> T) -> T {
        match self.buckets.upgrade() {
            Some(buckets) => work(buckets.recent(entry)),
            None => work(&Recent::default()),
        }
    }

    /// Notes that an entry may be full earlier than was known.
    pub(super) fn hurry(&self, entry: &Entry) {
        if let Some(buckets) = self.buckets.upgrade() {
            buckets.hurry(entry);
        }
    }
}

/// What a bucket was made with, kept once for all that were made alike.
#[derive(Debug)]
pub(super) struct Kin {
    pub(super) home: Arc<Home>,
    pub(super) resource: Resource,
    /// What its first request brought: mostly every request brings the same.
    pub(super) limits: Limits,
}
