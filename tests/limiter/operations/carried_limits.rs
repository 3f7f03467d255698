//! New limits of an entity reach all shards of its buckets, however long the store takes.

use std::time::Duration;

use tollgate::{
    Limit, RateLimiter,
    model::{BucketState, ConfigChange, ConfigScope, StoredConfig},
};
use tollgate_testkit::Fault;

use super::fixture::{Fixture, Table, on_every_limiter};

fn scope() -> ConfigScope {
    ConfigScope::entity_resource("user", "api").unwrap()
}

/// Returns the shards of the bucket, in their order.
async fn shards(limiter: &RateLimiter) -> Vec<BucketState> {
    let entity = "user".parse().unwrap();
    let buckets = limiter.entities().buckets(&entity).all().await.unwrap();
    let mut shards: Vec<_> = buckets.into_iter().map(|(_, state)| state).collect();
    shards.sort_by_key(|state| state.shard);
    shards
}

/// Returns the whole capacity and the whole tokens of a limit in each shard.
async fn levels(limiter: &RateLimiter, limit: &str) -> Vec<Option<(i64, i64)>> {
    let level = |state: &BucketState| {
        let known = state.limits().iter().find(|known| known.name == *limit)?;
        let capacity = known.parameters.capacity() / 1000;
        Some((capacity, known.level.tokens.div_euclid(1000)))
    };
    shards(limiter).await.iter().map(level).collect()
}

/// Makes two shards of the bucket. Returns `false` in memory, where buckets have one.
async fn with_two_shards(at: &Fixture) -> bool {
    at.store([Limit::per_hour("tokens", 100)]).await;
    at.charge(1).await;
    if !at.split(2).await {
        return false;
    }
    let other = at.another().await;
    for _ in 0..50 {
        let lease = other.acquire("user", "api").cost("tokens", 1).await;
        lease.unwrap().commit().await.unwrap();
        if shards(&other).await.len() == 2 {
            return true;
        }
    }
    panic!("there is no second shard");
}

/// Fault: only one shard got the new limits, so others granted by the old ones.
async fn all_shards_get_the_limits(at: Fixture) {
    if !with_two_shards(&at).await {
        return;
    }
    let config = at.limiter.config();
    for capacity in [1000, 10, 2000, 30] {
        let limits = [Limit::per_hour("tokens", capacity)];
        config.set(scope(), limits).await.unwrap();
        let wanted = i64::try_from(capacity).unwrap();
        for level in levels(&at.limiter, "tokens").await {
            let (known, tokens) = level.unwrap();
            assert_eq!(known, wanted);
            assert!(
                tokens <= wanted / 2,
                "{tokens} of {wanted}, in one of two shards"
            );
        }
    }
    config.reapply(&scope()).await.unwrap();
    config.delete(&scope()).await.unwrap();
    let levels = levels(&at.limiter, "tokens").await;
    let capacities: Vec<_> = levels.iter().map(|level| level.unwrap().0).collect();
    assert_eq!(capacities, [100, 100]);
}

/// A new quota is granted once, in shares.
async fn a_new_quota_is_granted_once_over_all_shards(at: Fixture) {
    if !with_two_shards(&at).await {
        return;
    }
    let config = at.limiter.config();
    let per_hour = Limit::per_hour("tokens", 100);
    let calendar = Limit::quota("daily", 100).daily("UTC").unwrap();
    let session = Limit::quota("session", 100).session(Duration::from_secs(3600));
    let limits = [per_hour, calendar, session.unwrap()];
    config.set(scope(), limits.clone()).await.unwrap();
    for name in ["daily", "session"] {
        let granted = levels(&at.limiter, name).await;
        assert_eq!(granted, [Some((100, 50)), Some((100, 50))], "{name}");
    }
    // What is taken is not granted a second time.
    let lease = at.limiter.acquire("user", "api").cost("daily", 30).await;
    lease.unwrap().commit().await.unwrap();
    config.set(scope(), limits).await.unwrap();
    let left = levels(&at.limiter, "daily").await;
    let left: i64 = left.iter().map(|level| level.unwrap().1).sum();
    assert_eq!(left, 70);
}

fn quota(name: &str, zone: &str) -> Limit {
    Limit::quota(name, 100).daily(zone).unwrap()
}

async fn take(limiter: &RateLimiter, limit: &str) -> Result<(), tollgate::Error> {
    let lease = limiter.acquire("user", "api").cost(limit, 1).await?;
    lease.commit().await.unwrap();
    Ok(())
}

/// Fault: every request was refused after limits of an entity came into another time zone than those
/// that its bucket keeps.
async fn limits_of_an_entity_come_into_another_time_zone(at: Fixture) {
    at.store([quota("daily", "UTC")]).await;
    take(&at.limiter, "daily").await.unwrap();
    let config = at.limiter.config();
    let berlin = [quota("monthly", "Europe/Berlin")];
    config.set(scope(), berlin).await.unwrap();
    take(&at.limiter, "monthly").await.unwrap();
    take(&at.another().await, "monthly").await.unwrap();
    config.delete(&scope()).await.unwrap();
    take(&at.limiter, "daily").await.unwrap();
    // What was taken on that day is not granted again.
    let left = levels(&at.limiter, "daily").await;
    assert_eq!(left, [Some((100, 98))]);
}

/// Fault: every request of every entity with a bucket was refused after a quota of a resource, or of
/// the system, got another name and another time zone.
async fn limits_of_all_come_into_another_time_zone(at: Fixture) {
    let config = at.limiter.config();
    let api = ConfigScope::resource("api").unwrap();
    at.store([quota("of-all", "UTC")]).await;
    config
        .set(api.clone(), [quota("daily", "UTC")])
        .await
        .unwrap();
    take(&at.limiter, "daily").await.unwrap();
    // A process that has looked the limits up before.
    let other = at.another().await;
    take(&other, "daily").await.unwrap();

    let berlin = [quota("tag", "Europe/Berlin")];
    config.set(api.clone(), berlin).await.unwrap();
    take(&at.limiter, "tag").await.unwrap();
    take(&at.another().await, "tag").await.unwrap();
    at.advance(120_000);
    take(&other, "tag").await.unwrap();
    // The resource has the system's limits again, and those get another zone too.
    config.delete(&api).await.unwrap();
    take(&at.limiter, "of-all").await.unwrap();
    at.store([quota("everybody", "Asia/Tokyo")]).await;
    take(&at.limiter, "everybody").await.unwrap();
    // And by changes of several configs.
    let now = config.get(&ConfigScope::system()).await.unwrap();
    let after = StoredConfig::new([quota("all", "UTC")]);
    let change = ConfigChange::new(ConfigScope::system(), now, Some(after));
    assert!(config.change(&[change]).await.unwrap());
    take(&at.limiter, "all").await.unwrap();
}

on_every_limiter!(
    all_shards_get_the_limits,
    a_new_quota_is_granted_once_over_all_shards,
    limits_of_an_entity_come_into_another_time_zone,
    limits_of_all_come_into_another_time_zone,
);

/// Fault: if the store takes more than two seconds to show the bucket, its parameters counted as newer
/// than the limits that had just been stored.
#[tokio::test]
async fn a_slow_store_does_not_keep_the_old_limits() {
    let table = Table::create().await;
    let settings = RateLimiter::builder()
        .without_breaker()
        .deadline(Duration::from_secs(20))
        .store_deadline(Duration::from_secs(20));
    let limiter = table.limiter(settings).await;
    let config = limiter.config();
    let limits = |capacity| [Limit::per_hour("tokens", capacity)];
    config.set(scope(), limits(1000)).await.unwrap();
    let lease = limiter.acquire("user", "api").cost("tokens", 1).await;
    lease.unwrap().commit().await.unwrap();
    for operation in ["GetItem", "UpdateItem"] {
        let delay = Fault::delay(Duration::from_millis(2300)).on(operation);
        table.proxy.add_fault(delay);
    }
    config.set(scope(), limits(10)).await.unwrap();
    table.proxy.clear_faults();
    assert_eq!(levels(&limiter, "tokens").await, [Some((10, 10))]);
}
