//! Limiters of each kind, with a clock that the test moves and access to the stored bucket.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    EntityId, LimitName, RateLimiter, Resource,
    clock::{Clock, ManualClock},
    limiter::RateLimiterBuilder,
    model::{BucketKey, BucketState, Create, Split, Update, WriteId},
    store::{
        MemoryStore, Store, StoreFuture, WriteOutcome,
        dynamodb::{CreateTable, DynamoDbStore},
    },
};
use tollgate_testkit::Proxy;

use crate::engine::TestEngine;

/// An evening in March 2030, epoch ms. Engines that look at the real time find no item expired.
pub(super) const START: i64 = 1_900_000_000_000;

pub(super) const STACK: &str = "limits";

/// Runs each test body on each kind of limiter.
macro_rules! on_every_limiter {
    ($($test:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::requests::fixture::Fixture::in_memory()).await;
            })+
        }
        mod gated {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::requests::fixture::Fixture::gated()).await;
            })+
        }
        mod dynamodb {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::requests::fixture::Fixture::dynamodb().await).await;
            })+
        }
    };
}
pub(super) use on_every_limiter;

/// A limiter whose clock the test moves.
pub(super) struct Fixture {
    pub(super) limiter: RateLimiter,
    pub(super) clock: ManualClock,
    buckets: Buckets,
}

enum Buckets {
    InMemory(MemoryStore),
    Gated(Arc<Counting>),
    DynamoDb(Box<Table>),
}

impl Fixture {
    pub(super) fn in_memory() -> Self {
        let (clock, store) = (ManualClock::at(START), MemoryStore::new());
        let limiter = settings(&clock).build_memory(store.clone());
        Self {
            limiter,
            clock,
            buckets: Buckets::InMemory(store),
        }
    }

    pub(super) fn gated() -> Self {
        let (clock, store) = (ManualClock::at(START), Arc::new(Counting::default()));
        let limiter = settings(&clock).build_shared(store.clone()).unwrap();
        Self {
            limiter,
            clock,
            buckets: Buckets::Gated(store),
        }
    }

    pub(super) async fn dynamodb() -> Self {
        let (table, clock, limiter) = on_table(|settings| settings).await;
        Self {
            limiter,
            clock,
            buckets: Buckets::DynamoDb(Box::new(table)),
        }
    }

    /// Opens a limiter over the same buckets, as another process would. Buckets in memory have one
    /// limiter.
    pub(super) async fn another(&self) -> RateLimiter {
        let settings = settings(&self.clock).deny_from_memory(Duration::ZERO);
        match &self.buckets {
            Buckets::InMemory(_) => self.limiter.clone(),
            Buckets::Gated(store) => settings.build_shared(store.clone()).unwrap(),
            Buckets::DynamoDb(table) => table.limiter(settings).await,
        }
    }

    /// Returns the millitokens of a limit in a bucket, and its consumption counter.
    pub(super) async fn raw(&self, entity: &str, resource: &str, limit: &str) -> (i64, i64) {
        let state = match &self.buckets {
            Buckets::InMemory(store) => store.read(&key(entity, resource)).await.unwrap(),
            Buckets::Gated(store) => store.inner.read(&key(entity, resource)).await.unwrap(),
            Buckets::DynamoDb(table) => {
                let item = table
                    .item(entity, resource)
                    .await
                    .expect("there is a bucket");
                return (
                    level(&item, limit, self.clock.now()),
                    integer(&item, &format!("b_{limit}_tc")),
                );
            }
        };
        let bucket = state.expect("there is a bucket");
        let state = bucket
            .limit(&LimitName::new(limit).unwrap())
            .expect("it has the limit");
        let level = state
            .rule_at(self.clock.now())
            .refill(state.level, bucket.age(self.clock.now()));
        (level.tokens, state.consumed)
    }

    /// Returns the number of bucket writes so far; 0 if buckets are changed in place.
    pub(super) fn writes(&self) -> u64 {
        match &self.buckets {
            Buckets::InMemory(_) => 0,
            Buckets::Gated(store) => store.writes.load(Ordering::SeqCst),
            Buckets::DynamoDb(table) => table.writes(),
        }
    }

    /// Doubles the shards of a bucket that has `count` of them. Returns `false` if it has another
    /// number, or if it is changed in place.
    pub(super) async fn split(&self, entity: &str, resource: &str, count: u32) -> bool {
        let split = Split::new(WriteId::from_number(7), self.clock.now(), count);
        match &self.buckets {
            Buckets::InMemory(_) => false,
            Buckets::Gated(store) => store.split(&key(entity, resource), &split).await.unwrap(),
            Buckets::DynamoDb(table) => table.split(entity, resource, count).await,
        }
    }

    /// Returns the whole tokens that the limiter reports as available.
    pub(super) async fn available(&self, limit: &tollgate::Limit) -> i64 {
        let available = self
            .limiter
            .available("user", "api")
            .limits(limit.clone())
            .await
            .unwrap();
        available.get(limit.name().as_str()).unwrap().available
    }

    pub(super) fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

/// Settings for tests: differences are written at once, and deadlines are long enough for a slow
/// machine. There is no breaker, because its cool-down would depend on the test's clock, which
/// stands still.
pub(super) fn settings(clock: &ManualClock) -> RateLimiterBuilder {
    RateLimiter::builder()
        .clock(clock.clone())
        .without_breaker()
        .deadline(Duration::from_secs(20))
        .flush_after(Duration::ZERO)
}

pub(super) fn key(entity: &str, resource: &str) -> BucketKey {
    BucketKey::new(
        EntityId::new(entity).unwrap(),
        Resource::new(resource).unwrap(),
    )
}

/// An engine and a proxy in front of it, with access to the table.
pub(super) struct Table {
    pub(super) engine: TestEngine,
    pub(super) proxy: Proxy,
    namespace: String,
    created: u64,
}

/// Returns a table of its own, its clock, and a limiter with changed settings over it.
pub(super) async fn on_table(
    change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder,
) -> (Table, ManualClock, RateLimiter) {
    let (clock, table) = (ManualClock::at(START), Table::create().await);
    let limiter = table.limiter(change(settings(&clock))).await;
    (table, clock, limiter)
}

impl Table {
    pub(super) async fn create() -> Self {
        let engine = TestEngine::start().await;
        let proxy = Proxy::start(engine.address()).await;
        let mut table = Self {
            engine,
            proxy,
            namespace: String::new(),
            created: 0,
        };
        table.limiter(RateLimiter::builder()).await.shutdown().await;
        let record = table
            .engine
            .item(STACK, "_/SYSTEM#", "#NAMESPACE#default")
            .await
            .unwrap();
        table.namespace = record["namespace_id"].as_s().unwrap().clone();
        table.created = table.writes();
        table
    }

    /// Opens a limiter, as another process would.
    pub(super) async fn limiter(&self, settings: RateLimiterBuilder) -> RateLimiter {
        RateLimiter::open()
            .stack(STACK)
            .namespace("default")
            .client(self.engine.through(&self.proxy))
            .provision(CreateTable::new().without_stream())
            .settings(settings)
            .await
            .unwrap()
    }

    /// Returns a store over the table that has not been used yet.
    pub(super) fn store(&self) -> DynamoDbStore {
        DynamoDbStore::new(&self.engine.through(&self.proxy), STACK, &self.namespace)
    }

    /// Returns the item of a bucket.
    pub(super) async fn item(
        &self,
        entity: &str,
        resource: &str,
    ) -> Option<HashMap<String, AttributeValue>> {
        self.shard(entity, resource, 0).await
    }

    /// Returns the item of a shard of a bucket.
    pub(super) async fn shard(
        &self,
        entity: &str,
        resource: &str,
        shard: u32,
    ) -> Option<HashMap<String, AttributeValue>> {
        let key = format!("{}/BUCKET#{entity}#{resource}#{shard}", self.namespace);
        self.engine.item(STACK, &key, "#STATE").await
    }

    /// Doubles the shards of a bucket that has `shard_count` of them, bypassing the proxy.
    pub(super) async fn split(&self, entity: &str, resource: &str, shard_count: u32) -> bool {
        let split = Split::new(WriteId::from_number(7), START, shard_count);
        let store = DynamoDbStore::new(&self.engine.client(), STACK, &self.namespace);
        store.split(&key(entity, resource), &split).await.unwrap()
    }

    /// Sets the number of shards in the items of the first `items` shards, as a Python client does.
    /// It creates no shards.
    pub(super) async fn state_shards(&self, entity: &str, resource: &str, items: u32, count: u32) {
        let number = |count: u32| AttributeValue::N(count.to_string());
        for shard in 0..items {
            let key = format!("{}/BUCKET#{entity}#{resource}#{shard}", self.namespace);
            let update = self.engine.client().update_item().table_name(STACK);
            let update = update
                .key("PK", AttributeValue::S(key))
                .key("SK", AttributeValue::S("#STATE".into()))
                .update_expression("SET shard_count = :new")
                .condition_expression("shard_count < :new")
                .expression_attribute_values(":new", number(count));
            // The shard may not exist.
            let _ = update.send().await;
        }
    }

    /// Returns the number of bucket writes that reached the table.
    pub(super) fn writes(&self) -> u64 {
        self.proxy.count("UpdateItem") + self.proxy.count("PutItem") - self.created
    }

    pub(super) fn puts(&self) -> u64 {
        self.writes() - self.updates()
    }

    pub(super) fn updates(&self) -> u64 {
        self.proxy.count("UpdateItem")
    }

    pub(super) fn reads(&self) -> u64 {
        self.proxy.count("GetItem")
    }
}

/// Returns the number in an attribute.
pub(super) fn integer(item: &HashMap<String, AttributeValue>, attribute: &str) -> i64 {
    let value = item
        .get(attribute)
        .unwrap_or_else(|| panic!("there is no {attribute}"));
    value.as_n().unwrap().parse().unwrap()
}

/// Returns the level of a limit in a bucket's item at `now` (epoch ms), in millitokens.
pub(super) fn level(item: &HashMap<String, AttributeValue>, limit: &str, now: i64) -> i64 {
    let read = |field: &str| i128::from(integer(item, &format!("b_{limit}_{field}")));
    let remainder = item.get(&format!("b_{limit}_fr")).map_or(0, |_| read("fr"));
    let shards = item
        .get("shard_count")
        .map_or(1, |_| i128::from(integer(item, "shard_count")));
    let shard: i128 = item["PK"]
        .as_s()
        .unwrap()
        .rsplit('#')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let age = i128::from((now - integer(item, "rf")).max(0));
    let due = (age * read("ra") + remainder) / (read("rp") * shards);
    let capacity = read("cp") / shards + i128::from(shard < read("cp") % shards);
    i64::try_from((read("tk") + due).min(capacity)).unwrap()
}

/// A memory store that counts its writes.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) inner: MemoryStore,
    pub(super) writes: AtomicU64,
}

impl Store for Counting {
    fn read<'a>(&'a self, bucket: &'a BucketKey) -> StoreFuture<'a, Option<BucketState>> {
        self.inner.read(bucket)
    }

    fn update<'a>(
        &'a self,
        bucket: &'a BucketKey,
        update: &'a Update,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.update(bucket, update)
    }

    fn create<'a>(
        &'a self,
        bucket: &'a BucketKey,
        create: &'a Create,
    ) -> StoreFuture<'a, WriteOutcome> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.create(bucket, create)
    }

    fn transact<'a>(&'a self, updates: &'a [(BucketKey, Update)]) -> StoreFuture<'a, bool> {
        self.writes
            .fetch_add(updates.len() as u64, Ordering::SeqCst);
        self.inner.transact(updates)
    }

    fn split<'a>(&'a self, bucket: &'a BucketKey, split: &'a Split) -> StoreFuture<'a, bool> {
        self.inner.split(bucket, split)
    }
}
