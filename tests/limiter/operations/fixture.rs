//! Limiters of each kind that keep records, with a clock that the test moves.

use std::{collections::BTreeMap, time::Duration};

use tollgate::{
    Error, Lease, Limit, LimitName, RateLimiter,
    clock::{Clock, ManualClock},
    limiter::RateLimiterBuilder,
    model::{AuditEvent, AuditSubject, ConfigScope, EntityId, Split, WriteId},
    store::{
        MemoryStore, Store,
        dynamodb::{CreateTable, DynamoDbStore},
    },
};
use tollgate_testkit::Proxy;

use crate::engine::TestEngine;

/// An evening in March 2030, epoch ms.
pub(super) const START: i64 = 1_900_000_000_000;

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;

/// Runs each test body on each kind of limiter.
macro_rules! on_every_limiter {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::operations::fixture::Fixture::in_memory()).await;
            })+
        }
        mod gated {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::operations::fixture::Fixture::gated()).await;
            })+
        }
        mod dynamodb {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::operations::fixture::Fixture::dynamodb().await).await;
            })+
        }
    };
}
pub(super) use on_every_limiter;

pub(super) struct Fixture {
    pub(super) limiter: RateLimiter,
    pub(super) clock: ManualClock,
    store: Place,
}

enum Place {
    Memory,
    Gated(MemoryStore),
    Table(Box<Table>),
}

pub(super) struct Table {
    pub(super) engine: TestEngine,
    pub(super) proxy: Proxy,
}

impl Table {
    pub(super) async fn create() -> Self {
        let engine = TestEngine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        Self { engine, proxy }
    }

    pub(super) async fn limiter(&self, settings: RateLimiterBuilder) -> RateLimiter {
        RateLimiter::open()
            .stack("limits")
            .client(self.engine.through(&self.proxy))
            .provision(CreateTable::new().without_stream())
            .settings(settings)
            .await
            .unwrap()
    }

    pub(super) async fn namespace(&self) -> String {
        let item = self
            .engine
            .item("limits", "_/SYSTEM#", "#NAMESPACE#default");
        item.await.unwrap()["namespace_id"].as_s().unwrap().clone()
    }
}

pub(super) fn settings(clock: &ManualClock) -> RateLimiterBuilder {
    RateLimiter::builder()
        .clock(clock.clone())
        .without_breaker()
        .deadline(Duration::from_secs(20))
        .flush_after(Duration::ZERO)
}

impl Fixture {
    pub(super) fn in_memory() -> Self {
        let clock = ManualClock::at(START);
        Self {
            limiter: settings(&clock).build_memory(MemoryStore::new()),
            clock,
            store: Place::Memory,
        }
    }

    pub(super) fn gated() -> Self {
        let (clock, store) = (ManualClock::at(START), MemoryStore::new());
        Self {
            limiter: settings(&clock).build(store.clone()).unwrap(),
            clock,
            store: Place::Gated(store),
        }
    }

    pub(super) async fn dynamodb() -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        Self {
            limiter: table.limiter(settings(&clock)).await,
            clock,
            store: Place::Table(Box::new(table)),
        }
    }

    /// Opens a limiter over the same store, as another process would. In memory, it is the same
    /// limiter.
    pub(super) async fn another(&self) -> RateLimiter {
        let settings = settings(&self.clock).deny_from_memory(Duration::ZERO);
        match &self.store {
            Place::Memory => self.limiter.clone(),
            Place::Gated(store) => settings.build(store.clone()).unwrap(),
            Place::Table(table) => table.limiter(settings).await,
        }
    }

    /// Doubles the shards of the bucket. Returns `false` in memory, where buckets have one.
    pub(super) async fn split(&self, shard_count: u32) -> bool {
        let split = Split::new(WriteId::from_number(7), self.clock.now(), shard_count);
        let key = key("user", "api");
        match &self.store {
            Place::Memory => false,
            Place::Gated(store) => store.split(&key, &split).await.unwrap(),
            Place::Table(table) => {
                let namespace = table.namespace().await;
                let store = DynamoDbStore::new(&table.engine.client(), "limits", namespace);
                store.split(&key, &split).await.unwrap()
            }
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.store {
            Place::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Stores limits for everybody.
    pub(super) async fn store(&self, limits: impl IntoIterator<Item = Limit>) {
        let limits: Vec<Limit> = limits.into_iter().collect();
        let config = self.limiter.config();
        config.set(ConfigScope::system(), limits).await.unwrap();
    }

    pub(super) async fn take(&self, amount: u64) -> Result<Lease, Error> {
        take(&self.limiter, amount).await
    }

    pub(super) async fn charge(&self, amount: u64) {
        self.take(amount).await.unwrap().commit().await.unwrap();
    }

    /// Returns the whole tokens that the limiter reports as available.
    pub(super) async fn left(&self) -> i64 {
        let left = self.limiter.available("user", "api").await.unwrap();
        left.get("tokens").unwrap().available
    }

    pub(super) async fn reset(&self) -> i64 {
        let reset = self.limiter.buckets().reset("user", "api").await.unwrap();
        reset.amount("tokens")
    }

    pub(super) async fn top_up(&self, amount: u64) -> i64 {
        let buckets = self.limiter.buckets();
        let top_up = buckets.top_up("user", "api", [("tokens", amount)]);
        top_up.await.unwrap().amount("tokens")
    }

    /// Returns the history of the entity, oldest first, without the events of its creation.
    pub(super) async fn history(&self, entity: &str) -> Vec<AuditEvent> {
        let subject = AuditSubject::Entity(EntityId::new(entity).unwrap());
        let mut listing = self.limiter.audit().events(&subject);
        let mut events = Vec::new();
        while let Some(event) = listing.next().await {
            events.push(event.unwrap());
        }
        events.reverse();
        events
    }
}

pub(super) async fn take(limiter: &RateLimiter, amount: u64) -> Result<Lease, Error> {
    limiter.acquire("user", "api").cost("tokens", amount).await
}

pub(super) fn key(entity: &str, resource: &str) -> tollgate::model::BucketKey {
    tollgate::model::BucketKey::new(
        EntityId::new(entity).unwrap(),
        tollgate::Resource::new(resource).unwrap(),
    )
}

pub(super) fn amounts(rows: &[(&str, i64)]) -> BTreeMap<LimitName, i64> {
    let row = |(name, amount): &(&str, i64)| (LimitName::new(name).unwrap(), *amount);
    rows.iter().map(row).collect()
}

pub(super) fn daily(amount: u64) -> Limit {
    Limit::quota("tokens", amount).daily("UTC").unwrap()
}

pub(super) fn session(amount: u64) -> Limit {
    let hours = Duration::from_millis(5 * HOUR);
    Limit::quota("tokens", amount).session(hours).unwrap()
}

pub(super) fn hourly(amount: u64) -> Limit {
    Limit::per_hour("tokens", amount)
}
