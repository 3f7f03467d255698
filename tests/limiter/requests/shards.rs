//! Buckets of several shards: how they are charged and settled, how a cost is drawn from several
//! shards, and when a bucket is split.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    limiter::RateLimiterBuilder,
    model::{Split, WriteId},
    store::{MemoryStore, Store, StoreErrorKind},
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::fixture::{STACK, START, Table, integer, key, level, settings};

struct World {
    table: Table,
    limiter: RateLimiter,
    clock: ManualClock,
}

/// 100 tokens, refilled at one a second.
fn limit() -> Limit {
    Limit::new("tokens", 100, 1, Duration::from_secs(1)).unwrap()
}

impl World {
    /// Creates a bucket of `shards` shards that holds `tokens` in all.
    async fn new(shards: u32, tokens: u64) -> Self {
        Self::with(shards, tokens, |settings| settings).await
    }

    async fn with(
        shards: u32,
        tokens: u64,
        change: impl Fn(RateLimiterBuilder) -> RateLimiterBuilder,
    ) -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let first = table.limiter(settings(&clock)).await;
        first
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 100 - tokens)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        let limiter = table.limiter(change(settings(&clock))).await;
        let world = Self {
            table,
            limiter,
            clock,
        };
        let mut count = 1;
        while count < shards {
            assert!(world.split(count).await);
            count *= 2;
        }
        world
    }

    async fn split(&self, shard_count: u32) -> bool {
        self.table.split("user", "api", shard_count).await
    }

    /// Leaves the item as thousands of writes a second would, with one more write a second later.
    async fn writes_too_often(&self) {
        self.acquire(1).await.unwrap().commit().await.unwrap();
        for second in 1..=3 {
            // Other processes wrote 1000 times in a second. These processes took tokens and gave
            // back all but a thousandth.
            self.clock.advance(Duration::from_secs(1));
            let writes = [
                ("b_wcu_tc", number_value(second * 1_000_000)),
                ("b_tokens_tc", number_value(10_000 + second)),
            ];
            self.change(0, &writes).await;
            if second < 3 {
                self.acquire(1).await.unwrap().commit().await.unwrap();
            }
        }
    }

    async fn acquire(&self, tokens: u64) -> Result<Lease, Error> {
        self.limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", tokens)
            .await
    }

    /// Returns the level of each shard in the table, in millitokens.
    async fn raw(&self) -> Vec<i64> {
        let mut raw = Vec::new();
        for shard in 0..32 {
            match self.item(shard).await {
                Some(item) => raw.push(level(&item, "tokens", self.clock.now())),
                None => break,
            }
        }
        raw
    }

    async fn item(&self, shard: u32) -> Option<HashMap<String, AttributeValue>> {
        let record = self
            .table
            .engine
            .item(STACK, "_/SYSTEM#", "#NAMESPACE#default")
            .await
            .unwrap();
        let namespace = record["namespace_id"].as_s().unwrap();
        self.table
            .engine
            .item(
                STACK,
                &format!("{namespace}/BUCKET#user#api#{shard}"),
                "#STATE",
            )
            .await
    }

    async fn change(&self, shard: u32, attributes: &[(&str, Option<AttributeValue>)]) {
        let mut item = self.item(shard).await.unwrap();
        for (attribute, value) in attributes {
            match value {
                Some(value) => item.insert((*attribute).to_owned(), value.clone()),
                None => item.remove(*attribute),
            };
        }
        self.table
            .engine
            .client()
            .put_item()
            .table_name(STACK)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }

    async fn delete(&self, shard: u32) {
        let item = self.item(shard).await.unwrap();
        let delete = self.table.engine.client().delete_item().table_name(STACK);
        delete
            .key("PK", item["PK"].clone())
            .key("SK", item["SK"].clone())
            .send()
            .await
            .unwrap();
    }
}

fn number_value(number: i64) -> Option<AttributeValue> {
    Some(AttributeValue::N(number.to_string()))
}

#[tokio::test]
async fn a_split_keeps_every_millitoken_and_what_others_have_stamped() {
    let world = World::new(1, 41).await;
    world
        .change(
            0,
            &[
                ("b_tokens_tk", number_value(41_003)),
                ("b_tokens_fr", number_value(999)),
                ("pgen", number_value(5)),
                ("new", number_value(1)),
            ],
        )
        .await;
    for count in [1, 2, 4, 8, 16] {
        assert!(world.split(count).await, "{count}");
        let raw = world.raw().await;
        assert_eq!(raw.len(), 2 * count as usize);
        assert_eq!(raw.iter().sum::<i64>(), 41_003, "{raw:?}");
        assert!(
            raw.iter().max().unwrap() - raw.iter().min().unwrap() <= 1,
            "{raw:?}"
        );
    }
    for shard in 0..32 {
        let item = world.item(shard).await.unwrap();
        for (attribute, value) in [
            ("shard_count", 32),
            ("b_tokens_fr", 999),
            ("pgen", 5),
            ("new", 1),
            ("rf", START),
        ] {
            assert_eq!(integer(&item, attribute), value, "{attribute} of {shard}");
        }
        assert_eq!(
            integer(&item, "b_tokens_tc"),
            if shard == 0 { 59_000 } else { 0 }
        );
        assert_eq!(
            item["GSI3SK"].as_s().unwrap(),
            &format!("BUCKET#api#{shard}")
        );
        assert!(
            shard != 0 || !item.contains_key("ttl"),
            "the first one stays"
        );
    }
    assert!(!world.split(16).await, "it has been done");
    assert!(!world.split(1).await);
}

#[tokio::test]
async fn debts_are_split_too() {
    let world = World::new(1, 50).await;
    world
        .change(0, &[("b_tokens_tk", number_value(-5_001))])
        .await;
    assert!(world.split(1).await);
    assert_eq!(world.raw().await, [-2_500, -2_501]);
}

#[tokio::test]
async fn all_shards_are_charged_and_refilled_as_one_bucket() {
    let world = World::new(4, 100).await;
    let mut leases = Vec::new();
    for _ in 0..20 {
        leases.push(world.acquire(5).await.unwrap());
    }
    assert_eq!(world.raw().await, [0, 0, 0, 0]);
    let denied = world.acquire(1).await.unwrap_err();
    // Each shard may have lost a fraction of a millitoken.
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert!(
        (1000..=1004).contains(&wait.as_millis()),
        "drawn from all of them: {wait:?}"
    );
    for lease in leases {
        lease.commit().await.unwrap();
    }
    // One shard was given an expiry. That write moved its anchor by a millisecond.
    world.clock.advance(Duration::from_millis(40_001));
    let available = world
        .limiter
        .available("user", "api")
        .limits(limit())
        .cost("tokens", 40)
        .await
        .unwrap();
    assert!(available.is_available());
    assert_eq!(available.get("tokens").unwrap().available, 40);
    for _ in 0..40 {
        world.acquire(1).await.unwrap().commit().await.unwrap();
    }
    assert!(world.acquire(1).await.unwrap_err().denied().is_some());
}

#[tokio::test]
async fn what_is_settled_goes_to_the_shard_that_was_charged() {
    let world = World::new(2, 100).await;
    let (one, mut other) = (
        world.acquire(50).await.unwrap(),
        world.acquire(50).await.unwrap(),
    );
    assert_eq!(world.raw().await, [0, 0]);
    one.rollback().await.unwrap();
    let raw = world.raw().await;
    assert!(raw == [50_000, 0] || raw == [0, 50_000], "{raw:?}");
    other.settle("tokens", 55).unwrap();
    other.commit().await.unwrap();
    let mut raw = world.raw().await;
    raw.sort_unstable();
    assert_eq!(raw, [-5_000, 50_000]);
}

#[tokio::test]
async fn a_cost_above_a_shard_is_drawn_from_several_and_given_back_to_them() {
    let world = World::new(4, 80).await;
    let lease = world.acquire(70).await.unwrap();
    assert_eq!(world.raw().await.iter().sum::<i64>(), 10_000);
    let denied = world.acquire(26).await.unwrap_err();
    let wait = denied.denied().unwrap().retry_after().unwrap();
    assert!((16_000..=16_004).contains(&wait.as_millis()), "{wait:?}");
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await, [20_000; 4]);

    // Waiting as long as the denial states is enough.
    let denied = world.acquire(90).await.unwrap_err();
    let wait = denied.denied().unwrap().retry_after().unwrap();
    world.clock.advance(wait - Duration::from_millis(1));
    assert!(world.acquire(90).await.unwrap_err().denied().is_some());
    world.clock.advance(Duration::from_millis(1));
    let mut lease = world.acquire(90).await.unwrap();
    lease.settle("tokens", 95).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(world.raw().await.iter().sum::<i64>(), -5_000);
}

#[tokio::test]
async fn a_lease_that_grows_gives_every_shard_its_own_back() {
    let world = World::new(2, 100).await;
    let mut lease = world.acquire(50).await.unwrap();
    lease.consume("tokens", 50).await.unwrap();
    assert_eq!(world.raw().await, [0, 0]);
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await, [50_000, 50_000]);
}

#[tokio::test]
async fn a_limiter_that_has_not_seen_the_split_loses_nothing() {
    let world = World::new(1, 100).await;
    let lease = world.acquire(10).await.unwrap();
    assert!(world.split(1).await);
    for _ in 0..9 {
        world.acquire(10).await.unwrap().commit().await.unwrap();
    }
    assert!(world.acquire(1).await.unwrap_err().denied().is_some());
    lease.rollback().await.unwrap();
    assert_eq!(world.raw().await.iter().sum::<i64>(), 10_000);
    world.clock.advance(Duration::from_secs(1_000));
    let mut granted = 0;
    while let Ok(lease) = world.acquire(7).await {
        lease.commit().await.unwrap();
        granted += 7;
    }
    assert_eq!(granted, 98);
}

#[tokio::test]
async fn a_first_shard_that_is_missing_beside_others_begins_empty() {
    let world = World::new(2, 100).await;
    world.delete(0).await;
    let mut granted = 0;
    while let Ok(lease) = world.acquire(5).await {
        lease.commit().await.unwrap();
        granted += 5;
    }
    assert_eq!(granted, 50, "what the other one held");
    assert_eq!(world.raw().await, [0, 0]);
    // If all shards are gone, a new bucket begins.
    world.delete(0).await;
    world.delete(1).await;
    world.limiter.config().invalidate();
    let fresh = world.table.limiter(settings(&world.clock)).await;
    fresh
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 100)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_later_shard_that_is_missing_begins_empty() {
    let world = World::new(4, 100).await;
    world.delete(2).await;
    let mut granted = 0;
    while let Ok(lease) = world.acquire(5).await {
        lease.commit().await.unwrap();
        granted += 5;
    }
    assert_eq!(granted, 75);
    world.clock.advance(Duration::from_secs(100));
    granted = 0;
    while let Ok(lease) = world.acquire(5).await {
        lease.commit().await.unwrap();
        granted += 5;
    }
    assert_eq!(granted, 100);
}

// A Python client that ends in the middle of a split leaves such a shard. It refilled by its old share,
// so the bucket granted a quarter more than its limit.
#[tokio::test]
async fn a_shard_that_has_missed_a_split_is_corrected_and_refills_by_its_share() {
    let world = World::new(4, 100).await;
    for _ in 0..20 {
        world.acquire(5).await.unwrap().commit().await.unwrap();
    }
    world.change(1, &[("shard_count", number_value(2))]).await;
    let limiter = world.table.limiter(settings(&world.clock)).await;
    world.clock.advance(Duration::from_secs(40));
    let mut granted = 0;
    while let Ok(lease) = limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 1)
        .await
    {
        lease.commit().await.unwrap();
        granted += 1;
    }
    // Each shard may have lost a fraction of a millitoken, or a part of a token.
    assert!((36..=40).contains(&granted), "{granted}");
    let corrected = world.item(1).await.unwrap();
    assert_eq!(integer(&corrected, "shard_count"), 4);
}

#[tokio::test]
async fn a_bucket_that_is_written_too_often_is_split_and_grants_the_same() {
    let world = World::new(1, 100).await;
    world.writes_too_often().await;
    let mut granted = 3;
    while let Ok(lease) = world.acquire(1).await {
        lease.commit().await.unwrap();
        granted += 1;
    }
    assert_eq!(granted, 103, "and what came back meanwhile");
    assert_eq!(world.raw().await, [0, 0], "split once, not at every write");
}

#[tokio::test]
async fn no_shard_may_be_smaller_than_what_is_asked_for() {
    let world = World::new(1, 100).await;
    world.writes_too_often().await;
    world.acquire(51).await.unwrap().commit().await.unwrap();
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.len(), 1);
}

#[tokio::test]
async fn no_shard_of_several_may_be_smaller_than_what_another_one_was_asked_for() {
    let world = World::new(2, 100).await;
    world.acquire(26).await.unwrap().commit().await.unwrap();
    for round in 1..=3 {
        for shard in [0, 1] {
            world
                .change(shard, &[("b_wcu_tc", number_value(round * 5_000_000))])
                .await;
        }
        // The requests use both shards, because neither holds all the tokens.
        let mut leases = Vec::new();
        while let Ok(lease) = world.acquire(1).await {
            leases.push(lease);
        }
        assert!(leases.len() > 50, "{}", leases.len());
        for lease in leases {
            lease.rollback().await.unwrap();
        }
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.raw().await.len(), 2);
}

#[tokio::test]
async fn what_a_lease_gives_back_is_drawn_from_at_once() {
    for _ in 0..4 {
        let world = World::with(2, 100, |settings| {
            settings.flush_after(Duration::from_secs(60))
        })
        .await;
        // The give-back is not written, and the next flush would be in a minute.
        drop(world.acquire(50).await.unwrap().rollback());
        world.acquire(90).await.unwrap().commit().await.unwrap();
        assert_eq!(world.raw().await.iter().sum::<i64>(), 10_000);
    }
}

#[tokio::test]
async fn splitting_can_be_switched_off() {
    let world = World::with(1, 100, |settings| settings.max_shards(1)).await;
    world.writes_too_often().await;
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.len(), 1);
}

#[tokio::test]
async fn a_throttled_item_is_split() {
    let world = World::new(1, 100).await;
    world.acquire(1).await.unwrap().commit().await.unwrap();
    let throttled = Fault::answer(ErrorAnswer::hot_key())
        .on("UpdateItem")
        .times(6);
    world.table.proxy.add_fault(throttled.clone());
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.len(), 1, "it may have been a moment's");
    world.clock.advance(Duration::from_secs(1));
    world.table.proxy.add_fault(throttled);
    world.acquire(1).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.len(), 2);
    // One token was refilled meanwhile.
    assert_eq!(world.raw().await.iter().sum::<i64>(), 98_000);
}

/// Asserts that a cost above the tokens of one shard is charged once, despite the faults.
async fn draws_once(faults: impl IntoIterator<Item = Fault>, sent: u64) {
    let world = World::new(2, 100).await;
    for fault in faults {
        world
            .table
            .proxy
            .add_fault(fault.on("TransactWriteItems").once());
    }
    let before = world.table.proxy.received("TransactWriteItems");
    world.acquire(60).await.unwrap().commit().await.unwrap();
    assert_eq!(world.raw().await.iter().sum::<i64>(), 40_000);
    assert_eq!(
        world.table.proxy.received("TransactWriteItems") - before,
        sent
    );
}

#[tokio::test]
async fn a_transaction_that_is_in_progress_is_charged_once() {
    let in_progress = ErrorAnswer::transaction_in_progress;
    draws_once([Fault::answer(in_progress())], 2).await;
    draws_once([Fault::replace_answer(in_progress())], 2).await;
    draws_once(
        [
            Fault::replace_answer(in_progress()),
            Fault::answer(in_progress()),
        ],
        3,
    )
    .await;
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_charged_once() {
    let failed = ErrorAnswer::internal_server_error;
    draws_once([Fault::lose_response()], 2).await;
    draws_once([Fault::lose_response(), Fault::refuse()], 3).await;
    draws_once([Fault::replace_answer(failed()), Fault::lose_response()], 3).await;
    // The last try is refused, but the first was executed. A read shows that.
    draws_once(
        [
            Fault::lose_response(),
            Fault::answer(ErrorAnswer::transaction_canceled(["TransactionConflict"])),
        ],
        2,
    )
    .await;
    draws_once([(); 4].map(|()| Fault::lose_response()), 4).await;
}

#[tokio::test]
async fn a_transaction_that_meets_another_one_is_planned_anew() {
    let met = || {
        Fault::answer(ErrorAnswer::transaction_canceled([
            "None",
            "TransactionConflict",
        ]))
    };
    draws_once([met(), met()], 3).await;
}

#[tokio::test]
async fn eight_limiters_draw_from_one_bucket_exactly_what_it_holds() {
    let world = Arc::new(World::new(4, 100).await);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let limiter = world.table.limiter(settings(&world.clock)).await;
        for cost in [1, 30] {
            let limiter = limiter.clone();
            tasks.push(tokio::spawn(async move {
                let mut granted = 0;
                loop {
                    match limiter
                        .acquire("user", "api")
                        .limits(limit())
                        .cost("tokens", cost)
                        .await
                    {
                        Ok(lease) => {
                            lease.commit();
                            granted += cost;
                        }
                        Err(Error::Denied(_)) => return granted,
                        Err(Error::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }));
        }
    }
    let mut granted = 0;
    for task in tasks {
        granted += task.await.unwrap();
    }
    assert_eq!(granted, 100);
    assert_eq!(world.raw().await.iter().sum::<i64>(), 0);
}

#[tokio::test]
async fn the_table_lists_every_shard_of_a_bucket() {
    let world = World::new(4, 100).await;
    let key = key("user", "api").with_shard(3);
    let state = world.table.store().read(&key).await.unwrap().unwrap();
    assert_eq!(
        (
            state.shard,
            state.shard_count,
            state.limits()[0].rule_at(START).capacity()
        ),
        (3, 4, 25_000)
    );
}

#[tokio::test]
async fn no_bucket_is_split_into_more_than_a_transaction_makes() {
    let world = World::new(1, 100).await;
    for shard_count in [0, 17, 32, u32::MAX] {
        let split = Split::new(WriteId::from_number(7), START, shard_count);
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(world.table.store()), Arc::new(MemoryStore::new())];
        for store in stores {
            let error = store.split(&key("user", "api"), &split).await.unwrap_err();
            assert_eq!(
                error.kind(),
                StoreErrorKind::Rejected,
                "{shard_count}: {error}"
            );
        }
    }
    assert_eq!(world.raw().await, [100_000]);
}
