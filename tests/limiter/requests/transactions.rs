//! A child and its parent, charged in one transaction.

use std::{collections::HashMap, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, Lease, Limit, RateLimiter,
    clock::{Clock, ManualClock},
    error::Unavailable,
    limiter::Acquire,
    model::{ConfigScope, Entity, Owner},
    store::MemoryStore,
};
use tollgate_testkit::{ErrorAnswer, Fault};

use super::{
    fixture::{STACK, START, Table, integer, level, settings},
    slow_store::Setting,
};

struct World {
    table: Table,
    limiter: RateLimiter,
    clock: ManualClock,
}

/// 100 tokens, refilled at one a second.
fn limit() -> Limit {
    Limit::new("tokens", 100, 1, Duration::from_secs(1)).unwrap()
}

async fn family(limiter: &RateLimiter) {
    for kid in ["ann", "bob"] {
        let kid = Entity::new(kid.try_into().unwrap())
            .with_parent("org".try_into().unwrap())
            .cascading();
        limiter.entities().create(kid).await.unwrap();
    }
}

fn ask(limiter: &RateLimiter, kid: &str, tokens: u64) -> Acquire {
    limiter
        .acquire(kid, "api")
        .limits(limit())
        .cost("tokens", tokens)
        .in_one_transaction()
}

impl World {
    async fn new() -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let limiter = table.limiter(settings(&clock)).await;
        family(&limiter).await;
        Self {
            table,
            limiter,
            clock,
        }
    }

    /// Creates a world in which both buckets have been used.
    async fn used() -> Self {
        let world = Self::new().await;
        world.spend("ann", 1).await.unwrap();
        world
    }

    async fn acquire(&self, kid: &str, tokens: u64) -> Result<Lease, Error> {
        ask(&self.limiter, kid, tokens).await
    }

    async fn spend(&self, kid: &str, tokens: u64) -> Result<(), Error> {
        self.acquire(kid, tokens).await?.commit().await.unwrap();
        Ok(())
    }

    /// Returns the millitokens and the net consumption of a bucket.
    async fn raw(&self, entity: &str) -> (i64, i64) {
        let item = self.item(entity).await;
        (
            level(&item, "tokens", self.clock.now()),
            integer(&item, "b_tokens_tc"),
        )
    }

    async fn item(&self, entity: &str) -> HashMap<String, AttributeValue> {
        self.table
            .item(entity, "api")
            .await
            .expect("there is a bucket")
    }

    async fn stamp(&self, entity: &str, attribute: &str, value: AttributeValue) {
        let mut item = self.item(entity).await;
        item.insert(attribute.to_owned(), value);
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

    fn transactions(&self) -> u64 {
        self.table.proxy.count("TransactWriteItems")
    }

    /// Returns the number of single writes, transactions and reads.
    fn counts(&self) -> [u64; 3] {
        [self.table.writes(), self.transactions(), self.table.reads()]
    }
}

#[tokio::test]
async fn a_child_and_its_parent_are_charged_in_one_round_trip() {
    let world = World::used().await;
    let before = world.counts();
    for _ in 0..10 {
        world.spend("ann", 2).await.unwrap();
    }
    let [writes, transactions, reads] = world.counts();
    assert_eq!(
        [
            writes - before[0],
            transactions - before[1],
            reads - before[2]
        ],
        [0, 10, 0]
    );
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(79_000, 21_000); 2]
    );
    // An old image of the buckets is enough for a transaction.
    world.clock.advance(Duration::from_secs(10));
    world.spend("ann", 2).await.unwrap();
    assert_eq!(world.counts()[1..], [transactions + 1, reads]);
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(87_000, 23_000); 2]
    );
}

#[tokio::test]
async fn neither_bucket_is_charged_if_one_is_short() {
    let world = World::used().await;
    world.spend("bob", 60).await.unwrap();
    // Another process takes tokens from the parent, without the knowledge of this one.
    let other = world.table.limiter(settings(&world.clock)).await;
    other
        .acquire("org", "api")
        .limits(limit())
        .cost("tokens", 30)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let before = world.table.writes();
    let error = world.acquire("ann", 20).await.unwrap_err();
    let denied = error.denied().expect("the parent is short");
    let told: Vec<_> = denied
        .limits
        .iter()
        .map(|status| (status.owner, status.available, status.exceeded()))
        .collect();
    assert_eq!(told, [(Owner::Entity, 99, false), (Owner::Parent, 9, true)]);
    assert_eq!(denied.retry_after(), Some(Duration::from_secs(11)));
    world.limiter.shutdown().await;
    assert_eq!(
        world.table.writes(),
        before,
        "there is nothing to give back"
    );
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(99_000, 1_000), (9_000, 91_000)]
    );
}

#[tokio::test]
async fn a_flood_on_a_short_parent_costs_nothing() {
    let world = World::used().await;
    world.spend("bob", 99).await.unwrap();
    let _ = world.acquire("ann", 2).await.unwrap_err();
    let before = world.counts();
    for _ in 0..1_000 {
        assert!(
            world
                .acquire("ann", 2)
                .await
                .unwrap_err()
                .denied()
                .is_some()
        );
    }
    assert_eq!(world.counts(), before);
}

#[tokio::test]
async fn a_missing_bucket_is_created() {
    let world = World::new().await;
    let error = world.acquire("ann", 101).await.unwrap_err();
    assert!(matches!(error, Error::ExceedsCapacity(_)), "{error}");
    world.spend("ann", 100).await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(0, 100_000); 2]
    );
    assert!(
        world
            .acquire("bob", 1)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    assert!(
        world.table.item("bob", "api").await.is_none(),
        "nothing is made for what is known to be denied"
    );
}

#[tokio::test]
async fn a_child_and_its_parent_are_settled_and_given_back() {
    let world = World::used().await;
    let mut lease = world.acquire("ann", 10).await.unwrap();
    lease.settle("tokens", 14).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(85_000, 15_000); 2]
    );
    world
        .acquire("ann", 50)
        .await
        .unwrap()
        .rollback()
        .await
        .unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(85_000, 15_000); 2]
    );
    let mut lease = world.acquire("ann", 0).await.unwrap();
    lease.settle("tokens", 5).unwrap();
    lease.commit().await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(80_000, 20_000); 2]
    );
}

#[tokio::test]
async fn a_consume_is_one_transaction_too() {
    let world = World::used().await;
    world.spend("bob", 60).await.unwrap();
    let mut lease = world.acquire("ann", 10).await.unwrap();
    let before = world.counts();
    lease.consume("tokens", 20).await.unwrap();
    assert!(
        lease
            .consume("tokens", 20)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    assert_eq!(world.counts()[..2], [before[0], before[1] + 1]);
    lease.rollback().await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(99_000, 1_000), (39_000, 61_000)]
    );
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_not_repeated() {
    let world = World::used().await;
    world
        .table
        .proxy
        .add_fault(Fault::lose_response().on("TransactWriteItems").once());
    world
        .spend("ann", 10)
        .await
        .expect("an item tells that it was done");
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(89_000, 11_000); 2]
    );
}

#[tokio::test]
async fn a_transaction_that_met_another_one_is_repeated() {
    let world = World::used().await;
    let busy = Fault::answer(ErrorAnswer::transaction_canceled([
        "None",
        "TransactionConflict",
    ]))
    .on("TransactWriteItems")
    .times(3);
    world.table.proxy.add_fault(busy);
    world.spend("ann", 10).await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(89_000, 11_000); 2]
    );
    let busy = Fault::answer(ErrorAnswer::transaction_canceled([
        "None",
        "TransactionConflict",
    ]))
    .on("TransactWriteItems");
    world.table.proxy.add_fault(busy);
    let error = world.acquire("ann", 10).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable(Unavailable::Contended)),
        "{error}"
    );
    world.table.proxy.clear_faults();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(89_000, 11_000); 2]
    );
}

/// If a key of the transaction is throttled as hot, the transaction is repeated after a pause, as
/// other writes are.
#[tokio::test]
async fn a_transaction_that_met_a_hot_key_is_repeated() {
    let world = World::used().await;
    world.table.proxy.add_fault(
        Fault::answer(ErrorAnswer::hot_key())
            .on("TransactWriteItems")
            .once(),
    );
    world.spend("ann", 10).await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(89_000, 11_000); 2]
    );
}

/// Regression: one charge of a transaction was given back and the other one stayed. Cancelled
/// requests write for nothing, so a bucket gives back only 16 of them at once.
#[tokio::test]
async fn beyond_sixteen_cancelled_requests_both_charges_stay() {
    let world = World::used().await;
    world
        .table
        .proxy
        .add_fault(Fault::delay(Duration::from_millis(40)).on("TransactWriteItems"));
    for _ in 0..20 {
        let asking = tokio::time::timeout(Duration::from_millis(20), world.acquire("ann", 1));
        assert!(asking.await.is_err());
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    world.limiter.shutdown().await;
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(95_000, 5_000); 2]
    );
}

#[tokio::test]
async fn a_transaction_that_nobody_waits_for_is_given_back() {
    let world = World::used().await;
    let before = world.transactions();
    world.table.proxy.add_fault(
        Fault::delay(Duration::from_millis(100))
            .on("TransactWriteItems")
            .once(),
    );
    let asking = tokio::time::timeout(Duration::from_millis(50), world.acquire("ann", 10));
    assert!(asking.await.is_err());
    world.limiter.shutdown().await;
    assert_eq!(world.transactions(), before + 1);
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(99_000, 1_000); 2]
    );
}

#[tokio::test]
async fn a_transaction_draws_from_shards_of_both_buckets() {
    let world = World::used().await;
    for shards in [1, 2] {
        assert!(world.table.split("org", "api", shards).await);
    }
    assert!(world.table.split("ann", "api", 1).await);
    let lease = world.acquire("ann", 70).await.unwrap();
    let available = async |entity: &str| {
        let query = world
            .limiter
            .available(entity, "api")
            .limits(limit())
            .await
            .unwrap();
        query
            .limits
            .iter()
            .find(|status| status.owner == Owner::Entity)
            .unwrap()
            .available
    };
    assert_eq!([available("ann").await, available("org").await], [29, 29]);
    assert!(
        world
            .acquire("bob", 30)
            .await
            .unwrap_err()
            .denied()
            .is_some()
    );
    assert_eq!(available("bob").await, 100);
    lease.rollback().await.unwrap();
    assert_eq!([available("ann").await, available("org").await], [99, 99]);
}

#[tokio::test]
async fn a_transaction_carries_changed_limits() {
    let world = World::used().await;
    let other = Limit::new("tokens", 40, 2, Duration::from_secs(1)).unwrap();
    let acquire = world
        .limiter
        .acquire("ann", "api")
        .limits(other)
        .cost("tokens", 30)
        .in_one_transaction();
    acquire.await.unwrap().commit().await.unwrap();
    for entity in ["ann", "org"] {
        let item = world.item(entity).await;
        assert_eq!(
            [integer(&item, "b_tokens_cp"), integer(&item, "b_tokens_tk")],
            [40_000, 10_000],
            "{entity}"
        );
    }
}

/// A transaction carries changed limits only with a charge, and a bucket that is short is charged
/// nothing.
#[tokio::test]
async fn a_faster_refill_reaches_a_bucket_that_is_short() {
    let world = World::used().await;
    world.spend("ann", 98).await.unwrap();
    let fast = Limit::new("tokens", 100, 50, Duration::from_secs(1)).unwrap();
    let ask = || {
        world
            .limiter
            .acquire("ann", "api")
            .limits(fast.clone())
            .cost("tokens", 80)
            .in_one_transaction()
    };
    assert!(ask().await.unwrap_err().denied().is_some());
    world.clock.advance(Duration::from_secs(2));
    ask().await.unwrap().commit().await.unwrap();
    assert_eq!(
        [world.raw("ann").await.0, world.raw("org").await.0],
        [20_000; 2]
    );
}

#[tokio::test]
async fn the_stored_limits_of_child_and_parent_hold() {
    let world = World::new().await;
    let config = world.limiter.config();
    config
        .set(ConfigScope::system(), Limit::per_day("tokens", 50))
        .await
        .unwrap();
    config
        .set(
            ConfigScope::Entity("org".try_into().unwrap()),
            Limit::per_day("tokens", 70),
        )
        .await
        .unwrap();
    let ask = |kid: &str| {
        world
            .limiter
            .acquire(kid, "api")
            .cost("tokens", 40)
            .in_one_transaction()
    };
    ask("ann").await.unwrap().commit().await.unwrap();
    let error = ask("bob").await.unwrap_err();
    let violated: Vec<_> = error
        .denied()
        .unwrap()
        .violated()
        .map(|status| (status.owner, status.available))
        .collect();
    assert_eq!(violated, [(Owner::Parent, 30)]);
}

#[tokio::test]
async fn flags_that_peers_have_set_are_obeyed() {
    let world = World::used().await;
    let later = AttributeValue::N((START + 60_000).to_string());
    world.stamp("org", "bypass", later.clone()).await;
    let fresh = world.table.limiter(settings(&world.clock)).await;
    let lease = ask(&fresh, "ann", 60).await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(39_000, 61_000), (99_000, 61_000)]
    );
    lease.rollback().await.unwrap();
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(99_000, 1_000); 2]
    );

    world.stamp("ann", "b_tokens_soft", later).await;
    ask(&fresh, "ann", 80)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    // After this second no denial comes from memory. A transaction does not return the bucket's
    // image.
    world.clock.advance(Duration::from_secs(1));
    ask(&fresh, "ann", 80)
        .await
        .expect("it denies nothing")
        .commit()
        .await
        .unwrap();
    assert_eq!(world.raw("ann").await, (-60_000, 161_000));

    world
        .stamp("org", "disabled", AttributeValue::Bool(true))
        .await;
    let fresh = world.table.limiter(settings(&world.clock)).await;
    let error = ask(&fresh, "ann", 1).await.unwrap_err();
    assert!(matches!(error, Error::Disabled(_)), "{error}");
    assert_eq!(world.raw("ann").await, (-60_000, 161_000));
}

#[tokio::test]
async fn an_entity_without_a_parent_is_charged_as_ever() {
    let world = World::new().await;
    world.spend("loner", 1).await.unwrap();
    let before = world.counts();
    world.spend("loner", 1).await.unwrap();
    assert_eq!(world.counts(), [before[0] + 1, before[1], before[2]]);
}

/// Runs several processes on several threads. Each child is charged both with and without
/// transactions.
async fn share_what_the_parent_has(limiters: Vec<RateLimiter>) -> u64 {
    let mut tasks = Vec::new();
    for (number, limiter) in limiters.into_iter().enumerate() {
        for kid in ["ann", "bob"] {
            let limiter = limiter.clone();
            tasks.push(tokio::spawn(async move {
                let mut granted = 0;
                loop {
                    let acquire = limiter
                        .acquire(kid, "api")
                        .limits(limit())
                        .cost("tokens", 1);
                    let acquire = if number % 2 == 0 {
                        acquire.in_one_transaction()
                    } else {
                        acquire
                    };
                    match acquire.await {
                        Ok(lease) => {
                            lease.commit();
                            granted += 1;
                        }
                        Err(Error::Denied(_)) => return granted,
                        Err(Error::Unavailable(Unavailable::Contended)) => {}
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
    granted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_share_exactly_what_the_parent_has() {
    let world = World::new().await;
    let mut limiters = Vec::new();
    for _ in 0..4 {
        limiters.push(world.table.limiter(settings(&world.clock)).await);
    }
    let granted = share_what_the_parent_has(limiters.clone()).await;
    for limiter in limiters {
        limiter.shutdown().await;
    }
    assert_eq!(world.raw("org").await.1, granted as i64 * 1000);
    assert_eq!(
        world.raw("ann").await.1 + world.raw("bob").await.1,
        granted as i64 * 1000
    );
    assert!((90..=100).contains(&granted), "{granted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transactions_of_a_store_in_memory_do_not_wait_for_each_other() {
    let (clock, store) = (ManualClock::at(START), Arc::new(MemoryStore::new()));
    let limiter = || settings(&clock).build_shared(store.clone()).unwrap();
    family(&limiter()).await;
    let granted = share_what_the_parent_has((0..4).map(|_| limiter()).collect()).await;
    assert!((90..=100).contains(&granted), "{granted}");
}

/// A process that is alone gets no slack: it knows the consumption of its own transactions, even if
/// their answers come late and settlements change the same buckets.
#[tokio::test(start_paused = true)]
async fn a_limiters_own_transactions_are_no_other_process() {
    for (transact, update) in [(9, 0), (0, 9)] {
        let clock = ManualClock::at(START);
        let at = Arc::new(Setting::with(Duration::from_millis(3), |builder| {
            builder.clock(clock).flush_after(Duration::ZERO)
        }));
        at.family().await;
        at.store
            .answer_late("transact", Duration::from_millis(transact));
        at.store
            .answer_late("update", Duration::from_millis(update));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let (at, kid) = (at.clone(), ["ann", "bob"][task % 2]);
            tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(task as u64)).await;
                for _ in 0..30 {
                    if let Ok(mut lease) = at.ask(kid).cost("tokens", 2).in_one_transaction().await
                    {
                        lease.settle("tokens", 3).unwrap();
                        lease.commit();
                    }
                }
            });
        }
        tasks.join_all().await;
        at.limiter.shutdown().await;
        let updates = at.store.updates();
        assert!(updates.len() > 100, "{}", updates.len());
        for line in updates.iter().flat_map(|update| update.lines()) {
            assert!(
                line.ceiling.is_none_or(|ceiling| ceiling <= 8_000_000),
                "{line:?}"
            );
        }
    }
}
