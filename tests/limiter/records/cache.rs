//! Results of look-ups are cached for a while. The tests count calls.

use std::time::Duration;

use tollgate::{
    clock::ManualClock,
    model::{ConfigScope, Entity, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::Fault;

use super::fixture::{START, Table, entity, rpm, settings};

#[tokio::test]
async fn a_cached_look_up_costs_no_call_and_another_one_costs_one() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    limiter
        .config()
        .set(ConfigScope::System, rpm(100))
        .await
        .unwrap();

    let before = table.calls();
    for _ in 0..10 {
        limiter
            .config()
            .resolve("user", "api")
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(table.calls() - before, 1);
    // A negative result is cached too.
    let stats = limiter.config().cache_stats();
    assert_eq!((stats.misses, stats.hits, stats.entries), (1, 9, 1));
}

#[tokio::test]
async fn a_parent_that_was_not_known_costs_one_more_call() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    limiter
        .config()
        .set(ConfigScope::System, rpm(100))
        .await
        .unwrap();
    limiter
        .entities()
        .create(
            Entity::new(entity("key"))
                .with_parent(entity("project"))
                .cascading(),
        )
        .await
        .unwrap();

    let before = table.proxy.count("BatchGetItem");
    limiter.acquire("key", "api").await.unwrap().commit();
    assert_eq!(table.proxy.count("BatchGetItem") - before, 2);
    limiter.acquire("key", "api").await.unwrap().commit();
    assert_eq!(table.proxy.count("BatchGetItem") - before, 2);
}

#[tokio::test]
async fn concurrent_look_ups_share_one_call() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    limiter
        .config()
        .set(ConfigScope::System, rpm(1000))
        .await
        .unwrap();
    let before = table.proxy.count("BatchGetItem");
    table
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(50)).on("BatchGetItem"));
    let tasks: Vec<_> = (0..50)
        .map(|_| tokio::spawn(limiter.acquire("user", "api").into_future()))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().commit();
    }
    assert_eq!(table.proxy.count("BatchGetItem") - before, 1);
}

#[tokio::test]
async fn cache_entries_are_refreshed_before_a_request_has_to_wait() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table
        .limiter_with(settings(&clock).config_ttl(Duration::from_secs(10)))
        .await;
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(100)).await.unwrap();
    let before = table.proxy.count("BatchGetItem");
    config.resolve("user", "api").await.unwrap();

    clock.advance(Duration::from_secs(9));
    config.resolve("user", "api").await.unwrap();
    table.proxy.until_count("BatchGetItem", before + 2).await;
    // A second later the first look-up would be older than its TTL.
    while config.cache_stats().refreshes == 0 {
        tokio::task::yield_now().await;
    }
    limiter.shutdown().await;
    clock.advance(Duration::from_secs(1));
    config.resolve("user", "api").await.unwrap();
    assert_eq!(table.proxy.count("BatchGetItem") - before, 2);
    let stats = config.cache_stats();
    assert_eq!((stats.misses, stats.refreshes), (1, 1));
}

#[tokio::test]
async fn every_acquire_looks_up_its_limits_without_a_time_to_live() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table
        .limiter_with(settings(&clock).config_ttl(Duration::ZERO))
        .await;
    for _ in 0..3 {
        limiter.config().resolve("user", "api").await.unwrap();
    }
    assert_eq!(table.proxy.count("BatchGetItem"), 3);
}

#[tokio::test]
async fn a_change_of_another_process_shows_after_the_time_to_live() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let (one, other) = (table.limiter(&clock).await, table.limiter(&clock).await);
    one.config()
        .set(ConfigScope::System, rpm(10))
        .await
        .unwrap();
    other.config().resolve("user", "api").await.unwrap();
    one.config()
        .set(ConfigScope::System, rpm(20))
        .await
        .unwrap();

    let capacity = async || {
        other
            .config()
            .resolve("user", "api")
            .await
            .unwrap()
            .unwrap()
            .limits[0]
            .capacity()
    };
    assert_eq!(capacity().await, 10);
    clock.advance(Duration::from_secs(60));
    assert_eq!(capacity().await, 20);
}

#[tokio::test]
async fn cached_limits_are_used_while_the_store_is_down() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    let config = limiter.config();
    let stored = StoredConfig::from(rpm(10)).with_on_unavailable(StoredOnUnavailable::Allow);
    config.set(ConfigScope::System, stored).await.unwrap();
    config.resolve("user", "api").await.unwrap();
    assert_eq!(config.on_unavailable(), Some(StoredOnUnavailable::Allow));

    table.engine.stop().await;
    clock.advance(Duration::from_secs(120));
    let limits = config.resolve("user", "api").await.unwrap().unwrap();
    assert_eq!(limits.limits[0].capacity(), 10);
    assert_eq!(config.on_unavailable(), Some(StoredOnUnavailable::Allow));
    assert!(config.cache_stats().stale >= 1);
    assert!(config.resolve("stranger", "api").await.is_err());

    table.engine.resume().await;
    config.resolve("stranger", "api").await.unwrap().unwrap();
}
