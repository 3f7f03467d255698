//! A table that was deleted and made anew under the same name: whoever knew the old one grants nothing by it.

use tollgate::{
    Error, Lease, Limit, RateLimiter, clock::ManualClock, error::Unavailable, limiter::Builder, model::Entity,
};

use super::fixture::{STACK, START, Table, settings};

struct World {
    table: Table,
    clock: ManualClock,
    limiter: RateLimiter,
}

fn limit() -> Limit {
    Limit::per_hour("tokens", 100)
}

impl World {
    async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    async fn with(change: impl Fn(Builder) -> Builder) -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let limiter = table.limiter(change(settings(&clock))).await;
        Self { table, clock, limiter }
    }

    async fn ask(&self, who: &str, cost: u64) -> Result<Lease, Error> {
        self.limiter.acquire(who, "api").limits(limit()).cost("tokens", cost).await
    }

    async fn spend(&self, who: &str, cost: u64) {
        self.ask(who, cost).await.unwrap().commit().await.unwrap();
    }

    async fn delete(&self) {
        self.table.engine.client().delete_table().table_name(STACK).send().await.unwrap();
    }

    /// Another process makes it anew.
    async fn remake(&self) -> RateLimiter {
        self.delete().await;
        self.table.limiter(settings(&self.clock)).await
    }

    async fn buckets(&self) -> usize {
        let items = self.table.engine.client().scan().table_name(STACK).send().await.unwrap().items.unwrap_or_default();
        items.iter().filter(|item| item["PK"].as_s().unwrap().contains("/BUCKET#")).count()
    }
}

#[track_caller]
fn assert_unregistered<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Unavailable(Unavailable::Unregistered))), "{result:?}");
}

#[tokio::test]
async fn the_old_limiter_grants_nothing_a_second_time() {
    let world = World::new().await;
    for who in ["ann", "bob"] {
        world.spend(who, 60).await;
    }
    let _new = world.remake().await;
    for _ in 0..3 {
        for who in ["ann", "bob", "new"] {
            assert_unregistered(world.ask(who, 20).await);
        }
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn the_one_that_made_it_anew_grants() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    let new = world.remake().await;
    assert_unregistered(world.ask("ann", 20).await);
    let ask = || new.acquire("ann", "api").limits(limit()).cost("tokens", 100);
    ask().await.unwrap().commit().await.unwrap();
    assert_unregistered(world.ask("ann", 20).await);
    assert_eq!(world.buckets().await, 1);
}

#[tokio::test]
async fn after_the_table_was_found_missing() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    world.delete().await;
    for who in ["ann", "unseen"] {
        let error = world.ask(who, 20).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(Unavailable::Store(_))), "{error:?}");
    }
    let _new = world.table.limiter(settings(&world.clock)).await;
    for who in ["ann", "unseen", "new"] {
        assert_unregistered(world.ask(who, 20).await);
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn a_bucket_of_several_shards_is_not_granted_again() {
    let world = World::new().await;
    world.spend("ann", 1).await;
    for shards in [1, 2] {
        assert!(world.table.split("ann", "api", shards).await);
    }
    for _ in 0..10 {
        world.spend("ann", 1).await;
    }
    let _new = world.remake().await;
    for cost in [1, 1, 60, 1] {
        let asked = world.ask("ann", cost).await;
        assert!(asked.is_err(), "{asked:?}");
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn nor_by_transactions() {
    let world = World::new().await;
    let kid = Entity::new("kid".try_into().unwrap()).with_parent("org".try_into().unwrap()).cascading();
    world.limiter.entities().create(kid).await.unwrap();
    let ask = || world.limiter.acquire("kid", "api").limits(limit()).cost("tokens", 20).in_one_transaction();
    ask().await.unwrap().commit().await.unwrap();
    let _new = world.remake().await;
    for _ in 0..3 {
        assert_unregistered(ask().await);
    }
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn nor_after_a_look() {
    let world = World::new().await;
    world.spend("ann", 60).await;
    let _new = world.remake().await;
    let _ = world.limiter.available("ann", "api").limits(limit()).await;
    assert_unregistered(world.ask("ann", 20).await);
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn what_is_settled_makes_no_bucket() {
    let world = World::new().await;
    let mut lease = world.ask("ann", 60).await.unwrap();
    let _new = world.remake().await;
    lease.settle("tokens", 10).unwrap();
    assert!(lease.commit().await.is_err());
    assert_eq!(world.buckets().await, 0);
    assert_unregistered(world.ask("ann", 60).await);
}

#[tokio::test]
async fn transactions_that_find_the_table_missing_tell_too() {
    let world = World::new().await;
    let kid = Entity::new("kid".try_into().unwrap()).with_parent("org".try_into().unwrap()).cascading();
    world.limiter.entities().create(kid).await.unwrap();
    let ask = || world.limiter.acquire("kid", "api").limits(limit()).cost("tokens", 20).in_one_transaction();
    ask().await.unwrap().commit().await.unwrap();
    world.delete().await;
    assert!(ask().await.is_err());
    let _new = world.table.limiter(settings(&world.clock)).await;
    // Without a look-up, which tells nothing of it.
    assert_unregistered(world.limiter.acquire("unseen", "api").without_parent().limits(limit()).await);
    assert_eq!(world.buckets().await, 0);
}

#[tokio::test]
async fn so_do_look_ups() {
    let world = World::new().await;
    world.delete().await;
    assert!(world.ask("ann", 20).await.is_err());
    assert!(world.ask("bob", 20).await.is_err());
    let _new = world.table.limiter(settings(&world.clock)).await;
    for who in ["ann", "unseen"] {
        assert_unregistered(world.ask(who, 20).await);
    }
    assert_eq!(world.buckets().await, 0);
}

/// Reads of all kinds since `before`.
fn reads(table: &Table, before: u64) -> u64 {
    ["GetItem", "Query", "BatchGetItem"].iter().map(|operation| table.proxy.received(operation)).sum::<u64>() - before
}

#[tokio::test]
async fn a_bucket_that_somebody_deleted_costs_one_read() {
    let world = World::new().await;
    for who in ["ann", "bob"] {
        world.spend(who, 60).await;
    }
    let before = reads(&world.table, 0);
    for _ in 0..5 {
        world.spend("ann", 1).await;
    }
    assert_eq!(reads(&world.table, before), 0, "nobody suspects anything");
    // An admin, past this limiter.
    let admin = world.table.limiter(settings(&world.clock)).await;
    assert!(admin.entities().delete(&"ann".try_into().unwrap()).await.unwrap() > 0);
    let before = reads(&world.table, 0);
    world.spend("ann", 30).await;
    assert_eq!(reads(&world.table, before), 1);
    for who in ["ann", "bob", "ann"] {
        world.spend(who, 1).await;
    }
    assert_eq!(reads(&world.table, before), 1);
}
