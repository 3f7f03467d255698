//! Stamps of bypassed buckets, soft limits and disabled buckets: written, renewed and removed.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::ManualClock,
    error::{FanOutIncomplete, Invalid},
    limiter::{Prefetch, RateLimiterBuilder},
    model::{ConfigScope, DisabledLevel, Entity},
    store::MemoryStore,
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{STACK, START, Table, integer, settings};

/// A table with a stored limit of 10 tokens, one of them refilled a minute, and two limiters over
/// it, as two processes have them.
struct World {
    table: Table,
    ours: RateLimiter,
    /// Changes the configs, unseen by `ours` until its cache has expired.
    operator: RateLimiter,
    clock: ManualClock,
}

fn limit() -> Limit {
    Limit::new("tokens", 10, 1, Duration::from_secs(60)).unwrap()
}

fn user() -> ConfigScope {
    ConfigScope::entity("user").unwrap()
}

impl World {
    async fn new() -> Self {
        Self::with(limit(), |settings| settings).await
    }

    async fn with(limit: Limit, change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder) -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let settings = || change(settings(&clock).deny_from_memory(Duration::ZERO));
        let operator = table.limiter(settings()).await;
        let ours = table.limiter(settings()).await;
        let world = Self {
            table,
            ours,
            operator,
            clock,
        };
        let config = world.operator.config();
        config.set(ConfigScope::system(), limit).await.unwrap();
        world
    }

    async fn acquire(&self, tokens: u64) -> Result<Lease, Error> {
        self.ours
            .acquire("user", "api")
            .cost("tokens", tokens)
            .await
    }

    async fn spend(&self, tokens: u64) -> Result<(), Error> {
        self.acquire(tokens).await?.commit().await.unwrap();
        Ok(())
    }

    async fn item(&self) -> HashMap<String, AttributeValue> {
        self.table.item("user", "api").await.unwrap()
    }

    /// Returns the time until a stamp of the bucket ends, ms.
    async fn left(&self, stamp: &str) -> i64 {
        integer(&self.item().await, stamp) - START - self.passed()
    }

    /// Returns the whole tokens and the consumption of the bucket as stored.
    async fn raw(&self) -> (i64, i64) {
        let item = self.item().await;
        (
            integer(&item, "b_tokens_tk") / 1000,
            integer(&item, "b_tokens_tc") / 1000,
        )
    }

    fn passed(&self) -> i64 {
        use tollgate::clock::Clock;
        self.clock.now() - START
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Returns the bucket writes, bucket reads and look-ups so far.
    fn calls(&self) -> [u64; 3] {
        let look_ups = self.table.proxy.count("BatchGetItem");
        [self.table.writes(), self.table.reads(), look_ups]
    }

    /// Sets an attribute of the bucket as a Python client would; `None` removes it.
    async fn stamp(&self, attribute: &str, value: Option<AttributeValue>) {
        let mut item = self.item().await;
        match value {
            Some(value) => item.insert(attribute.to_owned(), value),
            None => item.remove(attribute),
        };
        let client = self.table.engine.client();
        let put = client.put_item().table_name(STACK).set_item(Some(item));
        put.send().await.unwrap();
    }
}

/// Asserts that the stamp lasts for 80 to 100 % of a minute.
fn is_a_minute(left: i64) {
    assert!((48_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_bypass_is_renewed_by_the_first_acquire_after_its_end() {
    let world = World::new().await;
    world.spend(1).await.unwrap();
    assert_eq!(world.operator.config().bypass(&user()).await.unwrap(), 1);
    is_a_minute(world.left("bypass").await);
    // The write finds the stamp, although the cached config has no bypass.
    world.spend(10).await.unwrap();
    assert_eq!(world.raw().await, (9, 11));

    world.advance(60);
    world.spend(10).await.unwrap();
    is_a_minute(world.left("bypass").await);
    assert_eq!(world.raw().await, (9, 21));
    // In steady state, an acquire is one write.
    let before = world.calls();
    for _ in 0..5 {
        world.spend(10).await.unwrap();
    }
    let after = world.calls();
    assert_eq!(after[0] - before[0], 5);
    assert_eq!(after[1..], before[1..]);
}

#[tokio::test]
async fn a_bypass_that_the_config_does_not_have_is_removed_after_its_end() {
    let world = World::new().await;
    world.spend(1).await.unwrap();
    let end = AttributeValue::N((START + 5000).to_string());
    world.stamp("bypass", Some(end)).await;
    let lease = world.acquire(10).await.unwrap();
    assert!(lease.is_bypassed());
    lease.commit().await.unwrap();
    world.advance(5);
    // The request is decided by the image that the removal has returned.
    assert!(world.acquire(10).await.unwrap_err().denied().is_some());
    assert!(!world.item().await.contains_key("bypass"));
    world.spend(9).await.unwrap();
    assert_eq!(world.raw().await, (0, 20));
}

#[tokio::test]
async fn a_stamp_is_not_renewed_if_the_config_cannot_be_read() {
    let world = World::new().await;
    world.spend(3).await.unwrap();
    world.operator.config().bypass(&user()).await.unwrap();
    world.spend(10).await.unwrap();
    let stamp = integer(&world.item().await, "bypass");
    world.advance(60);
    // Looked up before, so that only the read for the stamp fails.
    world.ours.config().resolve("user", "api").await.unwrap();
    let error = ErrorAnswer::internal_server_error();
    let fault = Fault::answer(error).on("BatchGetItem");
    world.table.proxy.set_fault(fault);
    assert!(world.acquire(10).await.unwrap_err().denied().is_some());
    assert_eq!(integer(&world.item().await, "bypass"), stamp);
    world.spend(1).await.unwrap();
    world.table.proxy.clear_faults();
    world.advance(1);
    world.spend(10).await.unwrap();
    is_a_minute(world.left("bypass").await);
}

#[tokio::test]
async fn new_buckets_get_the_stamps_of_their_configs() {
    let world = World::with(limit().soft(), |settings| settings).await;
    let config = world.operator.config();
    let scope = ConfigScope::entity("vip").unwrap();
    config.bypass(&scope).await.unwrap();
    let before = world.table.puts();
    let vip = world.ours.acquire("vip", "api").cost("tokens", 99);
    vip.await.unwrap().commit().await.unwrap();
    let item = world.table.item("vip", "api").await.unwrap();
    assert!(integer(&item, "bypass") > START + 47_000);
    assert!(integer(&item, "b_tokens_soft") > START + 47_000);
    assert_eq!(integer(&item, "b_tokens_tk"), 10_000);
    assert_eq!(integer(&item, "b_tokens_tc"), 99_000);

    world.spend(25).await.unwrap();
    is_a_minute(world.left("b_tokens_soft").await);
    assert!(!world.item().await.contains_key("bypass"));
    assert_eq!(world.raw().await, (-15, 25));
    assert_eq!(world.table.puts(), before + 2, "and no update");
}

#[tokio::test]
async fn a_soft_stamp_is_renewed_while_the_limit_is_soft() {
    let world = World::with(limit().soft(), |settings| settings).await;
    world.spend(25).await.unwrap();
    world.advance(61);
    world.spend(5).await.unwrap();
    is_a_minute(world.left("b_tokens_soft").await);
    let before = world.calls();
    world.spend(5).await.unwrap();
    let after = world.calls();
    assert_eq!(after, [before[0] + 1, before[1], before[2]]);

    // A Python client makes the limit hard, and its fan-out does not reach the bucket.
    let config = world.operator.config();
    config.set(ConfigScope::system(), limit()).await.unwrap();
    world.spend(1).await.unwrap();
    world.advance(61);
    assert!(world.acquire(1).await.unwrap_err().denied().is_some());
    assert!(!world.item().await.contains_key("b_tokens_soft"));
}

#[tokio::test]
async fn a_stamp_is_set_if_the_config_has_a_flag_and_the_bucket_does_not() {
    let world = World::new().await;
    world.spend(9).await.unwrap();
    world.operator.config().bypass(&user()).await.unwrap();
    // As a fan-out leaves a bucket that it has missed.
    world.stamp("bypass", None).await;
    assert!(world.acquire(5).await.unwrap_err().denied().is_some());
    world.ours.config().invalidate();
    world.spend(5).await.unwrap();
    is_a_minute(world.left("bypass").await);
    assert_eq!(world.raw().await, (1, 14));
}

#[tokio::test]
async fn a_bucket_is_not_created_by_an_old_config() {
    let world = World::with(limit(), |settings| {
        settings.config_ttl(Duration::from_secs(3600))
    })
    .await;
    world.spend(1).await.unwrap();
    // The bucket expires, and the resource is disabled meanwhile.
    world.operator.config().disable(&user()).await.unwrap();
    world.stamp("disabled", None).await;
    world
        .stamp("ttl", Some(AttributeValue::N("1".into())))
        .await;
    world.advance(10);
    let error = world.acquire(1).await.unwrap_err();
    let Error::Disabled(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.level, DisabledLevel::EntityDefault);
    assert_eq!(integer(&world.item().await, "ttl"), 1);
}

#[tokio::test]
async fn the_level_is_that_of_the_stamp_if_the_cached_config_does_not_disable() {
    let world = World::new().await;
    world.spend(1).await.unwrap();
    assert_eq!(world.operator.config().disable(&user()).await.unwrap(), 1);
    let level = async || match world.acquire(1).await.unwrap_err() {
        Error::Disabled(error) => error.level,
        error => panic!("{error}"),
    };
    assert_eq!(level().await, DisabledLevel::Bucket);
    world.ours.config().invalidate();
    assert_eq!(level().await, DisabledLevel::EntityDefault);
    world.operator.config().clear_access(&user()).await.unwrap();
    assert!(!world.item().await.contains_key("disabled"));
    world.ours.config().invalidate();
    world.spend(1).await.unwrap();
}

#[tokio::test]
async fn a_fan_out_that_stops_halfway_says_how_far_it_came_and_can_be_finished() {
    let world = World::new().await;
    let resources = ["a", "b", "c", "d", "e"];
    for resource in resources {
        let lease = world.ours.acquire("user", resource).await.unwrap();
        lease.commit().await.unwrap();
    }
    assert!(world.table.split("user", "c", 1).await);
    let error = ErrorAnswer::access_denied("dynamodb:UpdateItem");
    for done in [0, 1, 4, 5] {
        world.operator.config().clear_access(&user()).await.unwrap();
        let proxy = &world.table.proxy;
        proxy.set_fault(Fault::delay(Duration::ZERO).on("UpdateItem").times(done));
        proxy.add_fault(Fault::answer(error.clone()).on("UpdateItem"));
        let error = world.operator.config().disable(&user()).await.unwrap_err();
        let Error::FanOut(incomplete) = error else {
            panic!("{error}");
        };
        let FanOutIncomplete {
            done: found, error, ..
        } = *incomplete;
        assert_eq!(found, done);
        assert!(matches!(*error, Error::Unavailable(_)), "{error}");
        proxy.clear_faults();
        let mut stamped = 0;
        for resource in resources {
            let item = world.table.item("user", resource).await.unwrap();
            stamped += u64::from(item.contains_key("disabled"));
        }
        assert!(
            stamped <= done && stamped + 1 >= done,
            "{stamped} of {done}"
        );
        // The same call finishes it; the split bucket counts twice.
        let all = world.operator.config().disable(&user()).await.unwrap();
        assert_eq!(all, 6);
    }
    for resource in resources {
        let item = world.table.item("user", resource).await.unwrap();
        assert!(item.contains_key("disabled"), "{resource}");
    }
}

#[tokio::test]
async fn a_fan_out_waits_for_a_store_that_is_busy() {
    let world = World::new().await;
    world.spend(1).await.unwrap();
    let busy = ErrorAnswer::throughput_exceeded();
    let fault = Fault::answer(busy).on("UpdateItem").times(3);
    world.table.proxy.set_fault(fault);
    assert_eq!(world.operator.config().disable(&user()).await.unwrap(), 1);
}

#[tokio::test]
async fn tokens_that_were_taken_ahead_are_not_granted_after_the_stamp_is_seen() {
    let world = World::with(
        Limit::new("tokens", 10_000, 100, Duration::from_secs(1)).unwrap(),
        |settings| settings.deny_from_memory(Duration::from_secs(1)),
    )
    .await;
    let prefetch = Prefetch::new()
        .interval(Duration::from_millis(50))
        .lifetime(Duration::from_secs(60));
    let acquire = || world.ours.acquire("user", "api").prefetch(prefetch);
    let served = || world.ours.prefetch_stats().served;
    for _ in 0..50 {
        acquire().await.unwrap().commit().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(served() > 0);
    world.operator.config().disable(&user()).await.unwrap();
    // This request shows the stamp, because it asks for more than is held.
    let error = acquire().cost("tokens", 5000).await.unwrap_err();
    assert!(matches!(error, Error::Disabled(_)), "{error}");
    // Much later, the image does not count as fresh any more.
    for seconds in [0, 1, 5] {
        world.advance(seconds);
        let before = served();
        let error = acquire().await.unwrap_err();
        assert!(matches!(error, Error::Disabled(_)), "{seconds}: {error}");
        assert_eq!(served(), before);
    }
}

#[tokio::test]
async fn a_transaction_obeys_the_stamps() {
    let world = World::new().await;
    let entities = world.operator.entities();
    let child = Entity::new("user".try_into().unwrap()).with_parent("org".try_into().unwrap());
    entities.create(child.cascading()).await.unwrap();
    let acquire = || {
        let acquire = world.ours.acquire("user", "api").cost("tokens", 6);
        acquire.in_one_transaction()
    };
    acquire().await.unwrap().commit().await.unwrap();
    let config = world.operator.config();
    config
        .bypass(&ConfigScope::entity("org").unwrap())
        .await
        .unwrap();
    world.ours.config().invalidate();
    assert!(
        acquire().await.unwrap_err().denied().is_some(),
        "the child is short"
    );
    config.bypass(&user()).await.unwrap();
    world.ours.config().invalidate();
    let lease = acquire().await.unwrap();
    assert!(lease.is_bypassed());
    lease.commit().await.unwrap();
    assert_eq!(world.raw().await, (4, 12));
    // The stamp has ended, and a write of its own renews it.
    world.advance(61);
    let lease = acquire().await.unwrap();
    assert!(lease.is_bypassed());
    lease.commit().await.unwrap();
    is_a_minute(world.left("bypass").await);
    assert_eq!(world.raw().await.1, 18);
}

#[tokio::test]
async fn stamps_last_at_least_ten_seconds() {
    let short = RateLimiter::builder().stamp_ttl(Duration::from_secs(9));
    let error = short.build(MemoryStore::new()).unwrap_err();
    let expected = Invalid::Setting {
        setting: "stamp_ttl",
        must_be: "at least 10 s",
    };
    assert_eq!(error, expected);
    let world = World::with(limit().soft(), |settings| {
        settings.stamp_ttl(Duration::from_secs(10))
    })
    .await;
    world.spend(1).await.unwrap();
    let left = world.left("b_tokens_soft").await;
    assert!((8_000..=10_000).contains(&left), "{left}");
}
