//! New limits of an entity reach all shards of its buckets, however long the store takes.

use std::time::Duration;

use tollgate::{
    Limit, RateLimiter,
    model::{BucketState, ConfigScope},
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

on_every_limiter!(
    all_shards_get_the_limits,
    a_new_quota_is_granted_once_over_all_shards,
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
