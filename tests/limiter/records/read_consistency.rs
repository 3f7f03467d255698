//! Look-ups for the cache use eventually consistent reads, at half the price. Reads are consistent
//! for records that this process has changed, or that a bucket has shown to be changed.

use tollgate::{
    Limit, RateLimiter,
    clock::ManualClock,
    model::{ConfigScope, Entity},
    store::dynamodb::CreateTable,
};

use super::fixture::{START, Table, entity, rpm, settings};
use crate::sent_requests::SentRequests;

/// Returns for each look-up so far if it was consistent, in order, and forgets them.
fn take(sent: &SentRequests) -> Vec<bool> {
    sent.take("BatchGetItem")
        .iter()
        .map(|body| body.to_string().contains("\"ConsistentRead\":true"))
        .collect()
}

async fn open(table: &Table, clock: &ManualClock, seen: &SentRequests) -> RateLimiter {
    RateLimiter::open()
        .stack("limits")
        .client(seen.record(&table.engine.through(&table.proxy)))
        .provision(CreateTable::new().without_stream())
        .settings(settings(clock))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_first_read_is_eventually_consistent_and_one_after_a_change_is_consistent() {
    let (table, clock, seen) = (
        Table::create().await,
        ManualClock::at(START),
        SentRequests::default(),
    );
    open(&table, &clock, &seen)
        .await
        .config()
        .set(ConfigScope::System, rpm(10))
        .await
        .unwrap();

    take(&seen);
    let limiter = open(&table, &clock, &seen).await;
    limiter.acquire("user-1", "api").await.unwrap().commit();
    assert_eq!(take(&seen), [false], "an entity that was not seen yet");
    limiter.config().resolve("user-2", "api").await.unwrap();
    assert_eq!(take(&seen), [false]);

    // An explicit read is consistent.
    limiter.config().get(&ConfigScope::System).await.unwrap();
    limiter.entities().get(&entity("user-1")).await.unwrap();
    assert_eq!(take(&seen), [true, true]);

    // This process sees its own changes at once.
    limiter
        .config()
        .set(ConfigScope::Entity(entity("user-3")), rpm(20))
        .await
        .unwrap();
    take(&seen);
    let limits = limiter
        .config()
        .resolve("user-3", "api")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(limits.limits[0].capacity(), 20);
    limiter
        .entities()
        .create(
            Entity::new(entity("user-4"))
                .with_parent(entity("org"))
                .cascading(),
        )
        .await
        .unwrap();
    limiter.acquire("user-4", "api").await.unwrap().commit();
    assert!(take(&seen).into_iter().all(|consistent| consistent));
}

#[tokio::test]
async fn without_a_cache_every_look_up_is_consistent() {
    let (table, clock, seen) = (
        Table::create().await,
        ManualClock::at(START),
        SentRequests::default(),
    );
    let limiter = RateLimiter::open()
        .stack("limits")
        .client(seen.record(&table.engine.through(&table.proxy)))
        .settings(settings(&clock).config_ttl(std::time::Duration::ZERO))
        .await
        .unwrap();
    let acquire = || {
        limiter
            .acquire("user-1", "api")
            .default_limits(Limit::per_minute("rpm", 10))
    };
    for _ in 0..2 {
        acquire().await.unwrap().commit();
    }
    assert_eq!(take(&seen), [true, true]);
}
