//! Limits that are stored on four levels, and which of them an acquire uses.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use tollgate::{
    Error, RateLimiter,
    clock::ManualClock,
    error::Invalid,
    model::{ConfigChange, ConfigScope, ConfigSource, StoredConfig, StoredOnUnavailable},
};
use tollgate_testkit::Fault;

use super::fixture::{entity, on_both, resource, rpm};

on_both!(
    the_first_level_that_has_limits_is_used,
    an_acquire_without_stored_limits_needs_limits_of_its_own,
    stored_limits_can_be_read_and_deleted,
    a_set_replaces_the_stored_limits,
    an_empty_config_leaves_the_limits_to_the_next_level,
    a_change_reaches_a_bucket_with_its_next_write,
    an_entitys_limits_reach_its_buckets_at_once,
    wrong_limits_are_not_stored,
);

async fn source(limiter: &RateLimiter) -> Option<(ConfigSource, u64)> {
    let limits = limiter.config().resolve("user", "api").await.unwrap()?;
    Some((limits.source, limits.limits[0].capacity()))
}

async fn the_first_level_that_has_limits_is_used(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    let levels = [
        (ConfigScope::System, ConfigSource::System, 10),
        (
            ConfigScope::Resource(resource("api")),
            ConfigSource::Resource,
            20,
        ),
        (
            ConfigScope::Entity(entity("user")),
            ConfigSource::Entity,
            30,
        ),
        (
            ConfigScope::EntityResource(entity("user"), resource("api")),
            ConfigSource::EntityResource,
            40,
        ),
    ];
    assert_eq!(source(&limiter).await, None);
    for (scope, from, capacity) in &levels {
        config.set(scope.clone(), rpm(*capacity)).await.unwrap();
        assert_eq!(source(&limiter).await, Some((*from, *capacity)));
    }
    for (index, (scope, ..)) in levels.iter().enumerate().rev() {
        assert!(config.delete(scope).await.unwrap());
        let below = index
            .checked_sub(1)
            .map(|below| (levels[below].1, levels[below].2));
        assert_eq!(source(&limiter).await, below);
    }
    // Other entities and resources are not affected.
    config.set(levels[3].0.clone(), rpm(40)).await.unwrap();
    assert_eq!(config.resolve("user", "other").await.unwrap(), None);
    assert_eq!(config.resolve("other", "api").await.unwrap(), None);
}

async fn an_acquire_without_stored_limits_needs_limits_of_its_own(
    limiter: RateLimiter,
    _: ManualClock,
) {
    let error = limiter.acquire("user", "api").await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::NoLimits)),
        "{error:?}"
    );
    limiter
        .acquire("user", "api")
        .default_limits(rpm(3))
        .cost("rpm", 3)
        .await
        .unwrap()
        .commit();

    limiter
        .config()
        .set(ConfigScope::System, rpm(5))
        .await
        .unwrap();
    // Stored limits override default limits. Explicit limits override both.
    let lease = limiter
        .acquire("other", "api")
        .default_limits(rpm(3))
        .await
        .unwrap();
    assert_eq!(lease.limits()[0].capacity(), 5);
    lease.commit();
    let lease = limiter
        .acquire("third", "api")
        .limits(rpm(7))
        .await
        .unwrap();
    assert_eq!(lease.limits()[0].capacity(), 7);
    lease.commit();
    let available = limiter.available("fourth", "api").await.unwrap();
    assert_eq!(available.get("rpm").unwrap().available, 5);
}

async fn stored_limits_can_be_read_and_deleted(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    let system = StoredConfig::new([rpm(10)]).with_on_unavailable(StoredOnUnavailable::Allow);
    for (scope, stored) in [
        (ConfigScope::System, system),
        (
            ConfigScope::Resource(resource("openai/gpt-4")),
            StoredConfig::from([rpm(20), tollgate::Limit::per_day("tpd", 5)]),
        ),
        (
            ConfigScope::Entity(entity("user@example.com")),
            StoredConfig::from(rpm(30)),
        ),
        (
            ConfigScope::EntityResource(entity("user"), resource("api")),
            StoredConfig::from(rpm(40).with_burst(400)),
        ),
    ] {
        assert_eq!(config.get(&scope).await.unwrap(), None);
        assert!(!config.delete(&scope).await.unwrap());
        config.set(scope.clone(), stored.clone()).await.unwrap();
        assert_eq!(config.get(&scope).await.unwrap(), Some(stored));
        assert!(config.delete(&scope).await.unwrap());
        assert_eq!(config.get(&scope).await.unwrap(), None);
    }
}

async fn a_set_replaces_the_stored_limits(limiter: RateLimiter, _: ManualClock) {
    let (config, scope) = (limiter.config(), ConfigScope::System);
    config
        .set(
            scope.clone(),
            [rpm(10), tollgate::Limit::per_hour("rph", 5)],
        )
        .await
        .unwrap();
    config.set(scope.clone(), rpm(20)).await.unwrap();
    assert_eq!(
        config.get(&scope).await.unwrap(),
        Some(StoredConfig::from(rpm(20)))
    );
}

async fn an_empty_config_leaves_the_limits_to_the_next_level(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(10)).await.unwrap();
    config
        .set(ConfigScope::Resource(resource("api")), [])
        .await
        .unwrap();
    assert_eq!(source(&limiter).await, Some((ConfigSource::System, 10)));
}

async fn a_change_reaches_a_bucket_with_its_next_write(limiter: RateLimiter, clock: ManualClock) {
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(10)).await.unwrap();
    limiter
        .acquire("user", "api")
        .cost("rpm", 4)
        .await
        .unwrap()
        .commit();

    // Lowered: tokens above the new capacity are cut.
    config.set(ConfigScope::System, rpm(3)).await.unwrap();
    limiter
        .acquire("user", "api")
        .cost("rpm", 3)
        .await
        .unwrap()
        .commit();
    let denied = limiter.acquire("user", "api").await.unwrap_err();
    assert_eq!(denied.denied().unwrap().limits[0].limit.capacity(), 3);

    // Raised: the new rate holds from now on, and no tokens are added at once.
    config.set(ConfigScope::System, rpm(600)).await.unwrap();
    let error = limiter.acquire("user", "api").await.unwrap_err();
    let wait = error.denied().unwrap().retry_after().unwrap();
    // The wait is a tenth of a second. Each write that carried a change moved the refill time by at
    // least 1 ms, although the clock stands still.
    assert!((100..=102).contains(&wait.as_millis()), "{wait:?}");
    clock.advance(wait);
    limiter.acquire("user", "api").await.unwrap().commit();
}

async fn an_entitys_limits_reach_its_buckets_at_once(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    config.set(ConfigScope::System, rpm(10)).await.unwrap();
    for name in ["api", "other"] {
        limiter
            .acquire("user", name)
            .cost("rpm", 4)
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }
    let capacities = async || {
        let buckets = limiter
            .entities()
            .buckets(&entity("user"))
            .all()
            .await
            .unwrap();
        let limits = buckets.iter().map(|(_, state)| &state.limits()[0]);
        limits
            .map(|limit| {
                (
                    limit.parameters.capacity() / 1000,
                    limit.level.tokens / 1000,
                )
            })
            .collect::<Vec<_>>()
    };
    // Raised limits add no tokens; lowered limits cut tokens above the capacity.
    config
        .set(
            ConfigScope::EntityResource(entity("user"), resource("api")),
            rpm(40),
        )
        .await
        .unwrap();
    assert_eq!(capacities().await, [(40, 6), (10, 6)]);
    config
        .set(ConfigScope::Entity(entity("user")), rpm(3))
        .await
        .unwrap();
    assert_eq!(capacities().await, [(40, 6), (3, 3)]);
    config
        .delete(&ConfigScope::EntityResource(
            entity("user"),
            resource("api"),
        ))
        .await
        .unwrap();
    assert_eq!(capacities().await, [(3, 3), (3, 3)]);
    // If there is no bucket, none is created.
    config
        .set(
            ConfigScope::EntityResource(entity("user"), resource("third")),
            rpm(40),
        )
        .await
        .unwrap();
    assert_eq!(capacities().await.len(), 2);
}

/// Writers of one config cancel each other. Nobody gives up, because each waits for another time
/// before it tries again.
#[tokio::test]
async fn many_writers_of_one_config_all_succeed() {
    let table = super::fixture::Table::create().await;
    let limiter = table.limiter(&ManualClock::at(super::fixture::START)).await;
    let writers = (1..=24).map(|capacity| {
        let limiter = limiter.clone();
        tokio::spawn(async move {
            limiter
                .config()
                .set(ConfigScope::System, rpm(capacity))
                .await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
}

async fn wrong_limits_are_not_stored(limiter: RateLimiter, _: ManualClock) {
    let config = limiter.config();
    let twice = config
        .set(ConfigScope::System, [rpm(1), rpm(2)])
        .await
        .unwrap_err();
    assert!(
        matches!(twice, Error::Invalid(Invalid::Limits(_))),
        "{twice:?}"
    );
    let quick =
        tollgate::Limit::new("quick", 1, 1, std::time::Duration::from_millis(1500)).unwrap();
    let error = config.set(ConfigScope::System, quick).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(Invalid::PeriodNotStored(_))),
        "{error:?}"
    );
    assert_eq!(config.get(&ConfigScope::System).await.unwrap(), None);
}

/// Fault: a Python client that stores limits begins the version of the config anew, so a change that was
/// planned before it was made beside its limits.
#[tokio::test]
async fn a_change_is_not_made_over_limits_of_the_same_version() {
    let table = super::fixture::Table::create().await;
    let limiter = table.limiter(&ManualClock::at(super::fixture::START)).await;
    let (config, scope) = (limiter.config(), ConfigScope::system());
    config.set(scope.clone(), rpm(10)).await.unwrap();
    let before = config.get(&scope).await.unwrap();
    let change = ConfigChange::new(scope, before, Some(StoredConfig::new([rpm(20)])));
    let delay = Fault::delay(Duration::from_millis(600)).on("TransactWriteItems");
    table.proxy.set_fault(delay.once());
    let changes = [change];
    let foreign = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let key = format!("{}/SYSTEM#", table.namespace().await);
        let update = table.engine.client().update_item().table_name("limits");
        let update = update
            .key("PK", AttributeValue::S(key))
            .key("SK", AttributeValue::S("#CONFIG".into()))
            .update_expression("SET l_rpm_cp = :capacity")
            .expression_attribute_values(":capacity", AttributeValue::N("77".into()));
        update.send().await.unwrap();
    };
    let (changed, ()) = tokio::join!(config.change(&changes), foreign);
    assert!(!changed.unwrap(), "somebody else has changed the limits");
}
