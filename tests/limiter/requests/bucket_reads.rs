//! One bucket, read consistently with all its shards.

use tollgate::{EntityId, Limit, Resource, model::BucketState};

use super::fixture::{Fixture, on_every_limiter, on_table};

on_every_limiter!(a_bucket_is_read_with_its_limits);

async fn read(limiter: &tollgate::RateLimiter) -> Vec<BucketState> {
    let (entity, resource) = (
        EntityId::new("user").unwrap(),
        Resource::new("api").unwrap(),
    );
    limiter.entities().bucket(&entity, &resource).await.unwrap()
}

async fn a_bucket_is_read_with_its_limits(at: Fixture) {
    assert!(read(&at.limiter).await.is_empty());
    let limits = [
        Limit::per_minute("rpm", 60).with_burst(90),
        Limit::quota("day", 500).daily("Europe/Berlin").unwrap(),
    ];
    let acquire = at.limiter.acquire("user", "api").limits(limits.clone());
    acquire
        .cost("day", 100)
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let bucket = read(&at.limiter).await;
    assert_eq!(bucket.len(), 1);
    for limit in limits {
        let known = bucket[0].limit(limit.name()).unwrap();
        assert_eq!(known.limit(), Some(limit));
    }
}

#[tokio::test]
async fn all_shards_of_a_bucket_are_read() {
    let (table, _, limiter) = on_table(|builder| builder).await;
    let limit = Limit::per_minute("rpm", 100);
    let acquire = limiter.acquire("user", "api").limits(limit.clone());
    acquire.await.unwrap().commit().await.unwrap();
    assert!(table.split("user", "api", 1).await && table.split("user", "api", 2).await);
    let bucket = read(&limiter).await;
    let shards: Vec<_> = bucket
        .iter()
        .map(|state| (state.shard, state.shard_count))
        .collect();
    assert_eq!(shards, [(0, 4), (1, 4), (2, 4), (3, 4)]);
    let tokens: i64 = bucket
        .iter()
        .map(|state| state.limits()[0].level.tokens)
        .sum();
    assert_eq!(tokens, 99_000);
    // The limit is that of the whole bucket.
    assert_eq!(bucket[3].limits()[0].limit(), Some(limit));
}
