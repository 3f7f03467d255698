//! Prefetched tokens: granted from memory, accounted for exactly, and given back if unused.

use std::time::Duration;

use tollgate::{
    Error, Limit, RateLimiter,
    clock::ManualClock,
    limiter::{Prefetch, RateLimiterBuilder},
};

use super::fixture::{START, Table, integer, settings};

struct World {
    table: Table,
    limiter: RateLimiter,
    clock: ManualClock,
}

/// 10 000 tokens, refilled at 100 a second.
fn limit() -> Limit {
    Limit::new("tokens", 10_000, 100, Duration::from_secs(1)).unwrap()
}

/// Chunks expire by the test's clock only, and are checked every 20 ms.
fn prefetch() -> Prefetch {
    Prefetch::new()
        .interval(Duration::from_millis(20))
        .lifetime(Duration::from_secs(60))
}

impl World {
    async fn new() -> Self {
        let (clock, table) = (ManualClock::at(START), Table::create().await);
        let limiter = table.limiter(settings(&clock)).await;
        Self {
            table,
            limiter,
            clock,
        }
    }

    async fn limiter(
        &self,
        change: impl FnOnce(RateLimiterBuilder) -> RateLimiterBuilder,
    ) -> RateLimiter {
        self.table.limiter(change(settings(&self.clock))).await
    }

    async fn acquire(&self, tokens: u64) -> Result<tollgate::Lease, Error> {
        acquire(&self.limiter, tokens).await
    }

    async fn spend(&self, tokens: u64) -> Result<(), Error> {
        self.acquire(tokens).await?.commit().await.unwrap();
        Ok(())
    }

    /// Returns the whole tokens and the net consumption of the bucket.
    async fn raw(&self) -> (i64, i64) {
        let item = self.table.item("user", "api").await.unwrap();
        (
            integer(&item, "b_tokens_tk") / 1000,
            integer(&item, "b_tokens_tc") / 1000,
        )
    }

    /// Waits until the bucket holds `tokens`.
    async fn settles_at(&self, tokens: i64) {
        for _ in 0..500 {
            if self.raw().await.0 == tokens {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.raw().await.0, tokens);
    }
}

async fn acquire(limiter: &RateLimiter, tokens: u64) -> Result<tollgate::Lease, Error> {
    limiter
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", tokens)
        .prefetch(prefetch())
        .await
}

#[tokio::test]
async fn a_busy_key_is_granted_from_memory() {
    let world = World::new().await;
    for _ in 0..500 {
        world.spend(1).await.unwrap();
        tokio::task::yield_now().await;
    }
    let stats = world.limiter.prefetch_stats();
    assert_eq!(stats.served + stats.missed, 500);
    assert!(stats.served >= 400, "{stats:?}");
    assert!(
        world.table.writes() <= 40,
        "{} writes for 500 acquires, {stats:?}",
        world.table.writes()
    );
    world.limiter.shutdown().await;
    assert_eq!(
        world.raw().await,
        (9_500, 500),
        "what was not used is given back: {stats:?}"
    );
}

#[tokio::test]
async fn a_key_that_is_seldom_used_costs_the_same_as_without_prefetch() {
    let world = World::new().await;
    for _ in 0..20 {
        world.spend(1).await.unwrap();
        // Two requests in each interval.
        world.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(world.limiter.prefetch_stats().chunks, 0);
    assert_eq!(world.table.writes(), 20);
}

#[tokio::test]
async fn unused_tokens_are_given_back() {
    let world = World::new().await;
    for _ in 0..50 {
        world.spend(1).await.unwrap();
    }
    // Tokens are given back after a time without requests, so the clock has to move.
    world.clock.advance(Duration::from_millis(20));
    world.settles_at(9_950).await;
    assert!(world.limiter.prefetch_stats().given_back > 0);
}

#[tokio::test]
async fn prefetched_tokens_are_not_granted_after_their_lifetime() {
    let world = World::new().await;
    let limiter = world.limiter(|settings| settings).await;
    let prefetch = Prefetch::new()
        .interval(Duration::from_secs(3_600))
        .lifetime(Duration::from_secs(10));
    let acquire = || {
        limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 10)
            .prefetch(prefetch)
    };
    while limiter.prefetch_stats().served == 0 {
        acquire().await.unwrap().commit().await.unwrap();
    }
    // The bucket is full again except for the tokens that are held.
    world.clock.advance(Duration::from_millis(9_999));
    let (writes, served) = (world.table.writes(), limiter.prefetch_stats().served);
    acquire().await.unwrap().commit().await.unwrap();
    assert_eq!(limiter.prefetch_stats().served, served + 1);
    world.clock.advance(Duration::from_millis(1));
    let missed = limiter.prefetch_stats().missed;
    acquire().await.unwrap().commit().await.unwrap();
    assert_eq!(limiter.prefetch_stats().missed, missed + 1);
    assert!(world.table.writes() > writes);
}

#[tokio::test]
async fn limiters_that_prefetch_never_grant_more_than_the_bucket_has() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let limiter = world.limiter(|settings| settings).await;
        for cost in [1, 7] {
            let limiter = limiter.clone();
            tasks.push(tokio::spawn(async move {
                let mut used = 0;
                loop {
                    match acquire(&limiter, cost).await {
                        Ok(lease) => lease.commit(),
                        // The other task has shut the limiter down.
                        Err(Error::Denied(_) | Error::Unavailable(_)) => break,
                        Err(error) => panic!("{error}"),
                    };
                    used += cost;
                }
                limiter.shutdown().await;
                used
            }));
        }
    }
    let mut used = 0;
    for task in tasks {
        used += task.await.unwrap();
    }
    let (left, consumed) = world.raw().await;
    assert_eq!((left + consumed, consumed), (10_000, used as i64));
    assert!(used <= 10_000);
}

#[tokio::test]
async fn a_bucket_that_runs_short_is_shared_exactly() {
    let world = World::new().await;
    let strict = world.limiter(|settings| settings).await;
    let drain = strict
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 9_990)
        .await
        .unwrap();
    drain.commit().await.unwrap();
    let mut granted = 0;
    while world.spend(1).await.is_ok() {
        granted += 1;
    }
    assert_eq!(granted, 10, "down to the last token");
}

#[tokio::test]
async fn leases_settle_with_prefetched_tokens() {
    let world = World::new().await;
    while world.limiter.prefetch_stats().served == 0 {
        world.spend(100).await.unwrap();
    }
    let before = world.raw().await;
    let writes = world.table.writes();
    let mut lease = world.acquire(10).await.unwrap();
    lease.settle("tokens", 4).unwrap();
    lease.commit().await.unwrap();
    let mut lease = world.acquire(10).await.unwrap();
    lease.settle("tokens", 12).unwrap();
    lease.commit().await.unwrap();
    world.acquire(10).await.unwrap().rollback().await.unwrap();
    let used = before.1 + 16;
    world.limiter.shutdown().await;
    let (left, consumed) = world.raw().await;
    assert_eq!(left + consumed, 10_000);
    let stats = world.limiter.prefetch_stats();
    assert!(
        consumed < used,
        "{consumed} of {used}: what was held is back, {stats:?}"
    );
    assert!(
        world.table.writes() - writes <= 4,
        "{}",
        world.table.writes() - writes
    );
}

#[tokio::test]
async fn the_tokens_of_a_parent_are_prefetched_too() {
    let world = World::new().await;
    let entities = world.limiter.entities();
    let org = tollgate::model::Entity::new("org".try_into().unwrap());
    let kid = tollgate::model::Entity::new("kid".try_into().unwrap());
    entities.create(org).await.unwrap();
    entities
        .create(kid.with_parent("org".try_into().unwrap()).cascading())
        .await
        .unwrap();
    let before = world.table.writes();
    for _ in 0..300 {
        let lease = world
            .limiter
            .acquire("kid", "api")
            .limits(limit())
            .cost("tokens", 1)
            .prefetch(prefetch())
            .await;
        lease.unwrap().commit().await.unwrap();
    }
    assert!(
        world.table.writes() - before <= 80,
        "{}",
        world.table.writes() - before
    );
    world.limiter.shutdown().await;
    for entity in ["kid", "org"] {
        let item = world.table.item(entity, "api").await.unwrap();
        assert_eq!(
            (integer(&item, "b_tokens_tk"), integer(&item, "b_tokens_tc")),
            (9_700_000, 300_000),
            "{entity}"
        );
    }
}

#[tokio::test]
async fn tokens_that_leases_give_back_are_not_hoarded() {
    let world = World::new().await;
    while world.limiter.prefetch_stats().served == 0 {
        world.spend(10).await.unwrap();
    }
    // Requests without prefetch give back large estimates.
    for _ in 0..3 {
        let acquire = world
            .limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 3_000);
        acquire.await.unwrap().rollback().await.unwrap();
    }
    let strict = world.limiter(|settings| settings).await;
    let most = strict
        .acquire("user", "api")
        .limits(limit())
        .cost("tokens", 9_000)
        .await;
    most.expect("it is there for others, but for a chunk")
        .rollback()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plentiful_limit_does_not_keep_the_others_from_being_prefetched() {
    let world = World::new().await;
    let limit = |name| Limit::new(name, 100_000, 100, Duration::from_secs(1)).unwrap();
    let prefetch = Prefetch::new().lifetime(Duration::from_secs(7_200));
    let ask = async |requests: u64, tokens: u64| {
        for _ in 0..40 {
            let acquire = world
                .limiter
                .acquire("user", "api")
                .limits([limit("requests"), limit("tokens")]);
            let acquire = acquire
                .cost("requests", requests)
                .cost("tokens", tokens)
                .prefetch(prefetch);
            acquire.await.unwrap().commit().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    ask(1, 50).await;
    // From now on the ratio is reversed: far more tokens are held than are asked for.
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(1));
        ask(10, 1).await;
    }
    let before = world.limiter.prefetch_stats();
    ask(10, 1).await;
    let after = world.limiter.prefetch_stats();
    assert!(after.missed - before.missed <= 8, "{before:?} {after:?}");
}

#[tokio::test]
async fn expired_tokens_are_given_back_however_long_the_interval_is() {
    let world = World::new().await;
    let prefetch = Prefetch::new()
        .interval(Duration::from_secs(3_600))
        .lifetime(Duration::from_millis(50));
    for _ in 0..50 {
        let acquire = world
            .limiter
            .acquire("user", "api")
            .limits(limit())
            .cost("tokens", 1)
            .prefetch(prefetch);
        acquire.await.unwrap().commit().await.unwrap();
    }
    assert!(world.limiter.prefetch_stats().served > 0);
    // Wait until the last chunk has arrived.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.clock.advance(Duration::from_millis(49));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.limiter.prefetch_stats().given_back, 0);
    world.clock.advance(Duration::from_millis(1));
    for _ in 0..500 {
        if world.raw().await.1 == 50 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!(
        "it is kept: {:?} {:?}",
        world.raw().await,
        world.limiter.prefetch_stats()
    );
}

/// Grants from prefetched tokens although the limiter knows that the bucket is short.
async fn grants_what_is_held(world: &World, entity: &str, drained: &[&str]) {
    let prefetch = Prefetch::new().interval(Duration::from_secs(3_600));
    let ask = |tokens| {
        world
            .limiter
            .acquire(entity, "api")
            .limits(limit())
            .cost("tokens", tokens)
    };
    for _ in 0..70 {
        ask(1)
            .prefetch(prefetch)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
        tokio::task::yield_now().await;
    }
    let other = world.limiter(|settings| settings).await;
    for entity in drained {
        let left = other
            .available(*entity, "api")
            .limits(limit())
            .await
            .unwrap();
        let left = u64::try_from(left.get("tokens").unwrap().available).unwrap();
        let drain = other
            .acquire(*entity, "api")
            .without_parent()
            .limits(limit())
            .cost("tokens", left);
        drain.await.unwrap().commit().await.unwrap();
    }
    // The limiter learns that the bucket is short.
    assert!(ask(200).await.unwrap_err().denied().is_some());
    assert!(
        ask(1).await.unwrap_err().denied().is_some(),
        "others do not get it"
    );
    ask(1)
        .prefetch(prefetch)
        .await
        .expect("it is held")
        .commit()
        .await
        .unwrap();
}

#[tokio::test]
async fn prefetched_tokens_are_granted_if_the_bucket_is_short() {
    grants_what_is_held(&World::new().await, "user", &["user"]).await;
}

#[tokio::test]
async fn prefetched_tokens_are_granted_if_child_and_parent_are_short() {
    let world = World::new().await;
    let entities = world.limiter.entities();
    let kid = tollgate::model::Entity::new("kid".try_into().unwrap());
    entities
        .create(kid.with_parent("org".try_into().unwrap()).cascading())
        .await
        .unwrap();
    grants_what_is_held(&world, "kid", &["kid", "org"]).await;
}

#[tokio::test]
async fn prefetched_tokens_of_a_shard_are_granted_if_all_shards_are_short() {
    let world = World::new().await;
    world.spend(1).await.unwrap();
    assert!(world.table.split("user", "api", 1).await);
    grants_what_is_held(&world, "user", &["user"]).await;
}
