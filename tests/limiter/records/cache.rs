//! Results of look-ups are cached for a while. The tests count calls.

use std::time::Duration;

use tollgate::{
    clock::ManualClock,
    model::{ConfigScope, Entity, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::Fault;

use super::fixture::{START, Table, entity, rpm, settings};

#[tokio::test]
async fn what_is_known_costs_no_call_and_what_is_not_costs_one() {
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
async fn a_parent_that_is_first_discovered_costs_one_more() {
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

    limiter.acquire("key", "api").await.unwrap().commit();
    assert_eq!(table.proxy.count("BatchGetItem"), 2);
    limiter.acquire("key", "api").await.unwrap().commit();
    assert_eq!(table.proxy.count("BatchGetItem"), 2);
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_call() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table.limiter(&clock).await;
    limiter
        .config()
        .set(ConfigScope::System, rpm(1000))
        .await
        .unwrap();
    table
        .proxy
        .set_fault(Fault::delay(Duration::from_millis(50)).on("BatchGetItem"));
    let tasks: Vec<_> = (0..50)
        .map(|_| tokio::spawn(limiter.acquire("user", "api").into_future()))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap().commit();
    }
    assert_eq!(table.proxy.count("BatchGetItem"), 1);
}

#[tokio::test]
async fn entries_are_refreshed_before_anybody_has_to_wait() {
    let clock = ManualClock::at(START);
    let table = Table::create().await;
    let limiter = table
        .limiter_with(settings(&clock).config_ttl(Duration::from_secs(10)))
        .await;
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(100)).await.unwrap();
    config.resolve("user", "api").await.unwrap();

    clock.advance(Duration::from_secs(9));
    config.resolve("user", "api").await.unwrap();
    table.proxy.until_count("BatchGetItem", 2).await;
    // A second later the first look-up would be older than its TTL.
    while config.cache_stats().refreshes == 0 {
        tokio::task::yield_now().await;
    }
    limiter.shutdown().await;
    clock.advance(Duration::from_secs(1));
    config.resolve("user", "api").await.unwrap();
    assert_eq!(table.proxy.count("BatchGetItem"), 2);
    let stats = config.cache_stats();
    assert_eq!((stats.misses, stats.refreshes), (1, 1));
}

#[tokio::test]
async fn without_a_time_to_live_every_acquire_looks() {
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
async fn what_another_process_changes_shows_after_the_time_to_live() {
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
async fn what_was_known_is_served_while_the_store_is_down() {
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
