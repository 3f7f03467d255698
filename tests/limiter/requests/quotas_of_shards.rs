//! Quotas in a bucket of several shards: the period is divided, never granted twice, and begins in
//! all shards together.

use std::time::Duration;

use tollgate::{Limit, RateLimiter, clock::ManualClock};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{STACK, START, Table, integer, on_table, settings};

/// The milliseconds from [`START`] to the first midnight in UTC.
const UNTIL_MIDNIGHT: u64 = (1_900_022_400_000 - START) as u64;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn daily(amount: u64) -> Limit {
    Limit::quota("tokens", amount).daily("UTC").unwrap()
}

fn session(amount: u64) -> Limit {
    let hours = Duration::from_millis(5 * HOUR);
    Limit::quota("tokens", amount).session(hours).unwrap()
}

struct World {
    table: Table,
    clock: ManualClock,
    limiter: RateLimiter,
}

impl World {
    /// Charges 1 of the limit, and splits the bucket into `shards`.
    async fn new(limit: &Limit, shards: u32) -> Self {
        let (table, clock, limiter) = on_table(|settings| settings).await;
        let world = Self {
            table,
            clock,
            limiter,
        };
        assert!(world.takes(limit, 1).await);
        let mut count = 1;
        while count < shards {
            assert!(world.table.split("user", "api", count).await);
            count *= 2;
        }
        world
    }

    async fn takes(&self, limit: &Limit, amount: u64) -> bool {
        takes(&self.limiter, limit, amount).await
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Returns a number in the item of each of `shards` shards; `None` if it is absent.
    async fn numbers(&self, shards: u32, attribute: &str) -> Vec<Option<i64>> {
        let mut numbers = Vec::new();
        for shard in 0..shards {
            let item = self.table.shard("user", "api", shard).await;
            numbers.push(item.and_then(|item| {
                item.contains_key(attribute)
                    .then(|| integer(&item, attribute))
            }));
        }
        numbers
    }

    async fn available(&self, limit: &Limit) -> i64 {
        let available = self.limiter.available("user", "api").limits(limit.clone());
        available.await.unwrap().get("tokens").unwrap().available
    }

    /// Waits until `attribute` is the same number in all of `shards`, and returns it.
    async fn until_same(&self, shards: u32, attribute: &str) -> i64 {
        for _ in 0..500 {
            let numbers = self.numbers(shards, attribute).await;
            if numbers.iter().all(|number| *number == numbers[0]) {
                return numbers[0].unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.numbers(shards, attribute).await);
    }
}

async fn takes(limiter: &RateLimiter, limit: &Limit, amount: u64) -> bool {
    let acquire = limiter.acquire("user", "api").limits(limit.clone());
    match acquire.cost("tokens", amount).await {
        Ok(lease) => {
            lease.commit().await.unwrap();
            true
        }
        Err(error) => {
            assert!(error.denied().is_some(), "{error:?}");
            false
        }
    }
}

/// A quota that was added to a bucket with several shards made all of its limits unusable.
#[tokio::test]
async fn a_quota_that_is_added_to_several_shards_is_granted_once() {
    let rate = Limit::per_minute("rpm", 6_000_000);
    let (table, clock, limiter) = on_table(|settings| settings).await;
    let lease = limiter.acquire("user", "api").limits(rate.clone()).await;
    lease.unwrap().commit().await.unwrap();
    for count in [1, 2] {
        assert!(table.split("user", "api", count).await);
    }
    let limiters = [limiter, table.limiter(settings(&clock)).await];
    for _ in 0..3 {
        let mut granted = 0;
        for turn in 0.. {
            clock.advance(Duration::from_millis(2));
            let acquire = limiters[turn % 2].acquire("user", "api");
            let acquire = acquire.limits([rate.clone(), daily(101)]);
            match acquire.cost("rpm", 1).cost("tokens", 3).await {
                Ok(lease) => lease.commit().await.unwrap(),
                Err(error) => {
                    assert!(error.denied().is_some(), "{error:?}");
                    break;
                }
            }
            granted += 3;
        }
        assert_eq!(granted, 99);
        clock.advance(Duration::from_millis(DAY));
    }
}

#[tokio::test]
async fn a_split_moves_what_is_left_and_the_next_day_is_divided() {
    let limit = daily(1000);
    let world = World::new(&limit, 1).await;
    assert!(world.takes(&limit, 199).await);
    for count in [1, 2] {
        assert!(world.table.split("user", "api", count).await);
    }
    let parts = world.numbers(4, "b_tokens_tk").await;
    assert_eq!(parts, [200_000, 200_000, 200_000, 200_000].map(Some));
    // What a shard was granted for: the first one still covers the whole day.
    let grants = world.numbers(4, "b_tokens_gc").await;
    assert_eq!(grants, [1, 2, 4, 4].map(Some));
    assert_eq!(world.available(&limit).await, 800);
    world.advance(UNTIL_MIDNIGHT);
    assert_eq!(world.available(&limit).await, 1000);
    // All of it, drawn from four shards whose day begins with this write.
    assert!(world.takes(&limit, 1000).await);
    assert_eq!(world.numbers(4, "b_tokens_gc").await, [4; 4].map(Some));
    assert!(!world.takes(&limit, 1).await);
    world.advance(DAY);
    assert_eq!(world.available(&limit).await, 1000);
}

#[tokio::test]
async fn a_denial_of_all_shards_states_the_edge() {
    let limit = daily(100);
    let world = World::new(&limit, 4).await;
    assert!(world.takes(&limit, 60).await, "no shard holds that alone");
    world.advance(HOUR);
    let acquire = world.limiter.acquire("user", "api").limits(limit.clone());
    let error = acquire.cost("tokens", 40).await.unwrap_err();
    let denied = error.denied().unwrap();
    let wait = Duration::from_millis(UNTIL_MIDNIGHT - HOUR);
    assert_eq!(denied.retry_after(), Some(wait));
    assert!(world.takes(&limit, 39).await);
}

/// A lease that was drawn from several shards.
#[tokio::test]
async fn a_lease_over_the_edge_gives_nothing_to_the_shards_of_the_next_day() {
    for limit in [daily(100), session(100)] {
        let world = World::new(&limit, 4).await;
        let ask = |amount| {
            let acquire = world.limiter.acquire("user", "api").limits(limit.clone());
            acquire.cost("tokens", amount)
        };
        let lease = ask(80).await.unwrap();
        let same_day = ask(15).await.unwrap();
        same_day.rollback().await.unwrap();
        assert_eq!(world.available(&limit).await, 19);
        world.advance(UNTIL_MIDNIGHT);
        assert!(world.takes(&limit, 100).await);
        lease.rollback().await.unwrap();
        assert_eq!(world.available(&limit).await, 0);
        assert!(!world.takes(&limit, 1).await);
    }
}

/// QUOTAS.md: in steady state an acquire is one write and no read.
#[tokio::test]
async fn a_request_of_a_shard_is_one_write_and_no_read() {
    for limit in [daily(1000), session(1000)] {
        let world = World::new(&limit, 4).await;
        let ask = async || {
            world.advance(2);
            let acquire = world.limiter.acquire("user", "api").limits(limit.clone());
            acquire.await.unwrap().commit().await.unwrap();
        };
        // The first requests look at every shard, and the first one of a day begins it.
        for day in 0..2 {
            for _ in 0..5 {
                ask().await;
            }
            world.until_same(4, "shard_count").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (writes, reads) = (world.table.writes(), world.table.reads());
            for _ in 0..40 {
                ask().await;
            }
            assert_eq!(world.table.writes() - writes, 40, "day {day}");
            assert_eq!(world.table.reads(), reads, "day {day}");
            world.advance(DAY);
        }
    }
}

#[tokio::test]
async fn a_session_begins_and_ends_in_all_shards_together() {
    let limit = session(100);
    let world = World::new(&limit, 4).await;
    assert_eq!(world.until_same(4, "b_tokens_ws").await, START);
    world.advance(5 * HOUR + 77);
    let begun = START + i64::try_from(5 * HOUR + 77).unwrap();
    assert!(world.takes(&limit, 1).await);
    assert_eq!(world.until_same(4, "b_tokens_ws").await, begun);
    assert_eq!(world.until_same(4, "b_tokens_wa").await, begun);
    world.advance(5 * HOUR - 1);
    assert!(!world.takes(&limit, 100).await);
    assert!(world.takes(&limit, 99).await);
    assert!(!world.takes(&limit, 1).await);
    world.advance(1);
    assert!(world.takes(&limit, 100).await);
}

/// The first process that uses a shard which was not told makes it join.
#[tokio::test]
async fn a_shard_that_was_not_told_of_a_session_joins_it() {
    let limit = session(100);
    let world = World::new(&limit, 4).await;
    world.advance(5 * HOUR);
    let before = world.table.updates();
    let other = world.table.limiter(settings(&world.clock)).await;
    assert!(takes(&world.limiter, &limit, 20).await);
    let begun = world.clock_now();
    world
        .table
        .proxy
        .until_received("UpdateItem", before + 4)
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let tokens = world.numbers(4, "b_tokens_tk").await;
    let charged = tokens.iter().position(|tokens| *tokens == Some(5_000));
    for shard in (0..4).filter(|shard| Some(*shard as usize) != charged) {
        // As if it had not been told.
        world.set_shard(shard, "b_tokens_ws", START).await;
        world.set_shard(shard, "b_tokens_wa", START).await;
        world.set_shard(shard, "vu", START + 5 * 3_600_000).await;
    }
    world.advance(HOUR);
    let mut granted = 20;
    while takes(&other, &limit, 1).await {
        granted += 1;
        assert!(granted <= 100);
    }
    assert_eq!(granted, 100);
    assert_eq!(world.until_same(4, "b_tokens_ws").await, begun);
}

/// A shard is created empty, and then gets its share from the shard that has it.
#[tokio::test]
async fn a_share_that_is_not_moved_stays_where_it_is() {
    for fault in [
        Fault::answer(ErrorAnswer::internal_server_error()).on("TransactWriteItems"),
        Fault::lose_response().on("TransactWriteItems").once(),
    ] {
        let limit = daily(100);
        let world = World::new(&limit, 1).await;
        world.table.state_shards("user", "api", 1, 2).await;
        let other = world.table.limiter(settings(&world.clock)).await;
        world.table.proxy.set_fault(fault);
        let mut granted = 1;
        for _ in 0..30 {
            world.advance(2);
            granted += u64::from(takes(&other, &limit, 2).await) * 2;
        }
        world.table.proxy.clear_faults();
        while takes(&other, &limit, 1).await {
            granted += 1;
        }
        assert_eq!(granted, 100);
        world.advance(DAY);
        assert!(world.takes(&limit, 100).await);
        assert!(!world.takes(&limit, 1).await);
    }
}

#[tokio::test]
async fn a_new_shard_takes_its_share_from_the_one_that_has_it() {
    let limit = daily(100);
    let world = World::new(&limit, 1).await;
    world.table.state_shards("user", "api", 1, 2).await;
    let other = world.table.limiter(settings(&world.clock)).await;
    // Some of these look for the second shard.
    for _ in 0..12 {
        world.advance(1100);
        assert!(takes(&other, &limit, 1).await);
    }
    let tokens = world.numbers(2, "b_tokens_tk").await;
    let sum: i64 = tokens.iter().flatten().sum();
    assert_eq!(sum, 87_000, "{tokens:?}");
    if let [_, Some(second)] = tokens[..] {
        assert!(second > 30_000, "{tokens:?}");
        assert_eq!(world.numbers(2, "b_tokens_gc").await, [1, 2].map(Some));
    }
}

impl World {
    fn clock_now(&self) -> i64 {
        tollgate::clock::Clock::now(&self.clock)
    }

    async fn set_shard(&self, shard: u32, attribute: &str, value: i64) {
        use aws_sdk_dynamodb::types::AttributeValue::N;
        let mut item = self.table.shard("user", "api", shard).await.unwrap();
        item.insert(attribute.into(), N(value.to_string()));
        let put = self.table.engine.client().put_item().table_name(STACK);
        put.set_item(Some(item)).send().await.unwrap();
    }
}
