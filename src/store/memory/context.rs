//! The context of a bucket's decisions: the clock, and the stored limits and entities.

use std::{
    any::Any,
    fmt::Debug,
    sync::{Arc, LazyLock, Weak},
};

use super::{recent::Recent, schema::Schemas, tables::Tables};
use crate::{
    clock::{Clock, MonotonicClock},
    model::{ConfigScope, EntityId, KeyParts, Limits, Resource},
    store::{LookUp, Waiters},
};

/// The context of a store's buckets under one clock. Every bucket refers to the home of the limiter
/// that created it, so the holder of a bucket needs no reference to the limiter: counting one more
/// reference would cost as much as the decision.
#[derive(Debug)]
pub(crate) struct Home {
    time: Time,
    tables: Arc<Tables>,
    /// The waiters for capacity. All clocks share them, because they wait for the same buckets.
    waiters: Arc<Waiters>,
    /// Weak, because the buckets hold the home.
    buckets: Weak<dyn BucketOwner>,
}

/// The buckets of a store, as their home sees them.
pub(super) trait BucketOwner: Any + Debug + Send + Sync {
    /// Returns the cache of schemas for the bucket of a key.
    fn schemas(&self, key: KeyParts<'_>) -> &Schemas;

    /// Notes that the bucket of a key may be full earlier than expected.
    fn hurry(&self, key: KeyParts<'_>);
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
    pub(super) fn new(buckets: Weak<dyn BucketOwner>, tables: Arc<Tables>) -> Arc<Self> {
        Arc::new(Self {
            time: Time::Own,
            tables,
            waiters: Arc::default(),
            buckets,
        })
    }

    /// Returns the same home with another clock.
    pub(super) fn under(&self, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (tables, waiters, buckets) = (
            self.tables.clone(),
            self.waiters.clone(),
            self.buckets.clone(),
        );
        Arc::new(Self {
            time: Time::Given(clock),
            tables,
            waiters,
            buckets,
        })
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

    pub(super) fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Returns the buckets; `None` if the store was dropped, or if they are not a `B`.
    pub(super) fn buckets<B: BucketOwner>(&self) -> Option<Arc<B>> {
        let buckets: Arc<dyn Any + Send + Sync> = self.buckets.upgrade()?;
        buckets.downcast().ok()
    }

    /// Calls `work` with the cache of schemas for the bucket of a key, or with an empty one if the
    /// store was dropped.
    pub(super) fn with_schemas<T>(&self, key: KeyParts<'_>, work: impl FnOnce(&Schemas) -> T) -> T {
        match self.buckets.upgrade() {
            Some(buckets) => work(buckets.schemas(key)),
            None => work(&Schemas::default()),
        }
    }

    /// Notes that the bucket of a key may be full earlier than expected.
    pub(super) fn hurry(&self, key: KeyParts<'_>) {
        if let Some(buckets) = self.buckets.upgrade() {
            buckets.hurry(key);
        }
    }
}

/// The values with which a bucket was created, shared by all buckets with the same values.
#[derive(Debug)]
pub(super) struct BucketContext {
    pub(super) home: Arc<Home>,
    pub(super) resource: Resource,
    /// The limits of the first request for the bucket. Usually every request has the same.
    pub(super) limits: Limits,
}

impl BucketContext {
    /// Returns these values, shared with other buckets if possible.
    pub(super) fn shared(
        recent: &Recent<Self>,
        resource: &Resource,
        home: &Arc<Home>,
        limits: &Limits,
    ) -> Arc<Self> {
        let same = |context: &Self| {
            Arc::ptr_eq(&context.home, home)
                && context.limits.is(limits)
                && context.resource == *resource
        };
        recent.shared(same, || Self {
            home: home.clone(),
            resource: resource.clone(),
            limits: limits.clone(),
        })
    }
}
