//! The shards of one bucket.

use tollgate::{
    RateLimiter,
    clock::{Clock, ManualClock},
    model::{BucketKey, Split, WriteId},
    store::{Store, dynamodb::DynamoDbStore},
};

use super::fixture::{START, Table, entity, on_both, resource, rpm};

on_both!(
    a_bucket_is_read_as_it_was_last_written,
    a_bucket_that_does_not_exist_has_no_shards
);

async fn spend(limiter: &RateLimiter, tokens: u64) {
    let acquire = limiter.acquire("a", "api").limits(rpm(60));
    let lease = acquire.cost("rpm", tokens).await.unwrap();
    lease.commit().await.unwrap();
}

async fn a_bucket_is_read_as_it_was_last_written(limiter: RateLimiter, clock: ManualClock) {
    spend(&limiter, 20).await;
    clock.advance(std::time::Duration::from_secs(10));
    let entities = limiter.entities();
    let shards = entities
        .shards(&entity("a"), &resource("api"))
        .await
        .unwrap();
    let [(key, state)] = shards.as_slice() else {
        panic!("{shards:?}");
    };
    assert_eq!((key.shard, state.refilled_at), (0, START));
    assert_eq!(state.limits()[0].level.tokens, 40_000, "without the refill");
    let level = state.level_at(&state.limits()[0], clock.now());
    assert_eq!(level.tokens, 50_000);
}

async fn a_bucket_that_does_not_exist_has_no_shards(limiter: RateLimiter, _: ManualClock) {
    spend(&limiter, 1).await;
    let entities = limiter.entities();
    for (id, name) in [("a", "other"), ("b", "api")] {
        let shards = entities.shards(&entity(id), &resource(name)).await.unwrap();
        assert_eq!(shards, []);
    }
}

#[tokio::test]
async fn all_shards_of_a_split_bucket_are_read() {
    let (clock, table) = (ManualClock::at(START), Table::create().await);
    let limiter = table.limiter(&clock).await;
    spend(&limiter, 20).await;
    let (client, namespace) = (table.engine.client(), table.namespace().await);
    let store = DynamoDbStore::new(&client, "limits", namespace);
    let key = BucketKey::new(entity("a"), resource("api"));
    for shards in [1, 2] {
        let split = Split::new(WriteId::from_number(shards.into()), clock.now(), shards);
        assert!(store.split(&key, &split).await.unwrap());
    }
    let before = table.proxy.count("GetItem");
    let shards = limiter
        .entities()
        .shards(&key.entity, &key.resource)
        .await
        .unwrap();
    assert_eq!(table.proxy.count("GetItem") - before, 4);
    let numbers: Vec<_> = shards
        .iter()
        .map(|(key, state)| (key.shard, state.shard))
        .collect();
    assert_eq!(numbers, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    let tokens: i64 = shards
        .iter()
        .map(|(_, state)| state.limits()[0].level.tokens)
        .sum();
    assert_eq!(tokens, 40_000);
}
