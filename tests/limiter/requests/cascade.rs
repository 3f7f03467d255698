//! A child's bucket and its parent's bucket in a table: which one is asked first, and how many
//! writes that costs.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{Error, Limit, RateLimiter, clock::ManualClock, model::Entity};
use tollgate_testkit::Fault;

use super::fixture::{STACK, Table, integer, on_table, settings};

struct World {
    table: Table,
    limiter: RateLimiter,
    clock: ManualClock,
}

fn limit() -> Limit {
    Limit::per_day("tokens", 10)
}

impl World {
    async fn new() -> Self {
        let (table, clock, limiter) = on_table(|settings| settings).await;
        for kid in ["ann", "bob"] {
            let kid = Entity::new(kid.try_into().unwrap())
                .with_parent("org".try_into().unwrap())
                .cascading();
            limiter.entities().create(kid).await.unwrap();
        }
        Self {
            table,
            limiter,
            clock,
        }
    }

    async fn ask(&self, entity: &str, tokens: u64) -> Result<(), Error> {
        let acquire = self
            .limiter
            .acquire(entity, "api")
            .limits(limit())
            .cost("tokens", tokens);
        acquire.await?.commit().await.unwrap();
        Ok(())
    }

    /// Returns the millitokens and the net consumption of a bucket.
    async fn raw(&self, entity: &str) -> (i64, i64) {
        let item = self
            .table
            .item(entity, "api")
            .await
            .expect("there is a bucket");
        (integer(&item, "b_tokens_tk"), integer(&item, "b_tokens_tc"))
    }

    /// Fills a bucket by editing its item, as somebody in the AWS console does.
    async fn fill(&self, entity: &str) {
        let mut item = self.table.item(entity, "api").await.unwrap();
        item.insert(
            "b_tokens_tk".to_owned(),
            AttributeValue::N("10000".to_owned()),
        );
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

    /// Returns the number of writes during a flood of ten seconds in which every request is denied.
    async fn flood(&self, kid: &str) -> u64 {
        assert!(self.ask(kid, 1).await.unwrap_err().denied().is_some());
        self.settled().await;
        let before = self.table.writes();
        for second in 0..10 {
            self.clock.advance(Duration::from_secs(1));
            for request in 0..1_000 {
                let error = self.ask(kid, 1 + (second + request) % 5).await.unwrap_err();
                assert!(error.denied().is_some(), "{error}");
            }
        }
        self.settled().await;
        self.table.writes() - before
    }

    /// Waits until pending writes are done.
    async fn settled(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_flood_on_a_short_child_costs_one_write_a_second() {
    let world = World::new().await;
    world.ask("ann", 9).await.unwrap();
    world.ask("ann", 1).await.unwrap();
    let writes = world.flood("ann").await;
    assert!(writes <= 11, "{writes}");
    world.limiter.shutdown().await;
    assert_eq!(
        world.raw("org").await.1,
        10_000,
        "the parent keeps the rest"
    );
}

#[tokio::test]
async fn a_flood_on_a_short_parent_costs_one_write_a_second() {
    let world = World::new().await;
    world.ask("ann", 5).await.unwrap();
    world.ask("org", 5).await.unwrap();
    let writes = world.flood("ann").await;
    assert!(writes <= 11, "{writes}");
    world.limiter.shutdown().await;
    assert_eq!(world.raw("ann").await.1, 5_000, "the child keeps the rest");
}

#[tokio::test]
async fn a_bucket_that_seemed_short_is_asked_first_and_then_the_other() {
    let world = World::new().await;
    world.ask("ann", 10).await.unwrap();
    // Both buckets are filled by hand, without the knowledge of this limiter.
    world.fill("ann").await;
    world.fill("org").await;
    world.clock.advance(Duration::from_secs(1));
    world.ask("ann", 10).await.unwrap();
    assert_eq!(
        [world.raw("ann").await.1, world.raw("org").await.1],
        [20_000; 2]
    );
}

#[tokio::test]
async fn a_give_back_whose_answer_is_lost_is_never_done_twice() {
    let world = World::new().await;
    world.ask("ann", 2).await.unwrap();
    // Another process takes all tokens of the parent, and this process does not know.
    let other = world.table.limiter(settings(&world.clock)).await;
    other
        .acquire("org", "api")
        .limits(limit())
        .cost("tokens", 8)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    // The writes are: child, parent, give-back. The third one is executed, but its answer is lost.
    world
        .table
        .proxy
        .add_fault(Fault::delay(Duration::ZERO).on("UpdateItem").times(2));
    world
        .table
        .proxy
        .add_fault(Fault::lose_response().on("UpdateItem").once());
    assert!(world.ask("ann", 3).await.unwrap_err().denied().is_some());
    world.limiter.shutdown().await;
    assert_eq!(
        [world.raw("ann").await, world.raw("org").await],
        [(8_000, 2_000), (0, 10_000)]
    );
}

#[tokio::test]
async fn an_entity_that_is_its_own_parent_is_charged_once() {
    let world = World::new().await;
    let narcissus = Entity::new("me".try_into().unwrap())
        .with_parent("me".try_into().unwrap())
        .cascading();
    world.limiter.entities().create(narcissus).await.unwrap();
    world.ask("me", 4).await.unwrap();
    assert_eq!(world.raw("me").await, (6_000, 4_000));
    let acquire = world
        .limiter
        .acquire("me", "api")
        .limits(limit())
        .cost("tokens", 5)
        .in_one_transaction();
    acquire.await.unwrap().rollback().await.unwrap();
    assert_eq!(world.raw("me").await, (6_000, 4_000));
}

#[tokio::test]
async fn entities_that_are_each_others_parents_charge_one_level() {
    let world = World::new().await;
    for (one, other) in [("left", "right"), ("right", "left")] {
        let entity = Entity::new(one.try_into().unwrap())
            .with_parent(other.try_into().unwrap())
            .cascading();
        world.limiter.entities().create(entity).await.unwrap();
    }
    world.ask("left", 3).await.unwrap();
    world.ask("right", 2).await.unwrap();
    assert_eq!(
        [world.raw("left").await, world.raw("right").await],
        [(5_000, 5_000); 2]
    );
}
