//! Updates of several buckets.

use tollgate::{model::BucketKey, store::Store};

use super::{
    trial::trials,
    writes::{applied, create, held, key, key_of, limit, spend, update},
};

trials! {
    all_of_them_are_done
    none_is_done_if_one_is_refused
    none_is_done_if_a_bucket_is_absent
    shards_of_one_bucket_are_different_items
}

/// Creates two buckets of 5 and 3 tokens.
async fn pair(store: &dyn Store) -> [BucketKey; 2] {
    let keys = [key(), key_of("org", "api")];
    for (key, tokens) in keys.iter().zip([5_000, 3_000]) {
        applied(
            store
                .create(key, &create([limit("rpm", tokens)]))
                .await
                .unwrap(),
        );
    }
    keys
}

/// Spends from each bucket in one transaction.
async fn transact(store: &dyn Store, spends: [(&BucketKey, i64); 2]) -> bool {
    let updates = spends.map(|(key, amount)| (key.clone(), update([spend("rpm", amount)])));
    store.transact(&updates).await.unwrap()
}

async fn tokens(store: &dyn Store, key: &BucketKey) -> (i64, i64) {
    held(&store.read(key).await.unwrap().unwrap(), "rpm")
}

async fn all_of_them_are_done(store: &dyn Store) {
    let [user, org] = &pair(store).await;
    assert!(transact(store, [(user, 2_000), (org, 3_000)]).await);
    assert_eq!(
        (tokens(store, user).await, tokens(store, org).await),
        ((3_000, 2_000), (0, 3_000))
    );
}

async fn none_is_done_if_one_is_refused(store: &dyn Store) {
    let [user, org] = &pair(store).await;
    assert!(!transact(store, [(user, 2_000), (org, 3_001)]).await);
    assert!(!transact(store, [(org, 3_000), (user, 5_001)]).await);
    assert_eq!(
        (tokens(store, user).await, tokens(store, org).await),
        ((5_000, 0), (3_000, 0))
    );
}

async fn none_is_done_if_a_bucket_is_absent(store: &dyn Store) {
    let [user, _] = &pair(store).await;
    let absent = key_of("nobody", "api");
    assert!(!transact(store, [(user, 1_000), (&absent, 1_000)]).await);
    assert_eq!(tokens(store, user).await, (5_000, 0));
    assert_eq!(store.read(&absent).await.unwrap(), None);
}

async fn shards_of_one_bucket_are_different_items(store: &dyn Store) {
    let shards = [key(), key().with_shard(1)];
    for key in &shards {
        applied(
            store
                .create(key, &create([limit("rpm", 5_000)]).with_shard_count(2))
                .await
                .unwrap(),
        );
    }
    assert!(transact(store, [(&shards[0], 1_000), (&shards[1], 2_000)]).await);
    assert_eq!(
        (
            tokens(store, &shards[0]).await.0,
            tokens(store, &shards[1]).await.0
        ),
        (4_000, 3_000)
    );
}
