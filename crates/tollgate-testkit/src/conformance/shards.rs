//! Splits of a bucket.

use tollgate::{
    model::{BucketState, Level, Split},
    store::Store,
};

use super::{
    trial::trials,
    writes::{NOW, apply, create, held, id, key, limit, put, refuse, spend, update},
};

trials! {
    a_split_halves_the_bucket
    a_split_halves_a_debt
    a_split_of_another_number_of_shards_does_nothing
    a_split_of_a_bucket_that_is_gone_does_nothing
    a_bucket_can_be_split_up_to_the_maximum
    a_write_for_the_old_number_of_shards_is_refused
    a_write_can_raise_the_number_of_shards
}

async fn read(store: &dyn Store, shard: u32) -> Option<BucketState> {
    store.read(&key().with_shard(shard)).await.unwrap()
}

/// Splits the only shard and compares both halves with the reference.
async fn halve(store: &dyn Store, before: &BucketState) {
    let split = Split::new(id(), NOW, 1);
    let (kept, new) = split.halve(before).unwrap();
    assert!(store.split(&key(), &split).await.unwrap());
    assert_eq!(read(store, 0).await, Some(kept));
    assert_eq!(read(store, 1).await, Some(new));
}

async fn a_split_halves_the_bucket(store: &dyn Store) {
    let odd = limit("rpm", 0)
        .with_level(Level::new(4_001, 3))
        .with_consumed(7);
    let create = create([odd, limit("tpm", 10_000)]).with_expires_at(NOW / 1000 + 60);
    store.create(&key(), &create).await.unwrap();
    let before = read(store, 0).await.unwrap();
    halve(store, &before).await;
}

async fn a_split_halves_a_debt(store: &dyn Store) {
    let before = put(store, [limit("rpm", -4_001)]).await;
    halve(store, &before).await;
}

async fn a_split_of_another_number_of_shards_does_nothing(store: &dyn Store) {
    let before = put(store, [limit("rpm", 4_000)]).await;
    assert!(
        !store
            .split(&key(), &Split::new(id(), NOW, 2))
            .await
            .unwrap()
    );
    assert_eq!(
        (read(store, 0).await, read(store, 1).await),
        (Some(before), None)
    );
}

async fn a_split_of_a_bucket_that_is_gone_does_nothing(store: &dyn Store) {
    assert!(
        !store
            .split(&key(), &Split::new(id(), NOW, 1))
            .await
            .unwrap()
    );
    assert_eq!((read(store, 0).await, read(store, 1).await), (None, None));
    store
        .create(
            &key(),
            &create([limit("rpm", 4_000)]).with_expires_at(NOW / 1000),
        )
        .await
        .unwrap();
    assert!(
        !store
            .split(&key(), &Split::new(id(), NOW, 1))
            .await
            .unwrap()
    );
    assert_eq!(read(store, 1).await, None);
}

async fn a_bucket_can_be_split_up_to_the_maximum(store: &dyn Store) {
    put(store, [limit("rpm", 9_999)]).await;
    let mut shards = 1;
    while shards < Split::MOST_SHARDS {
        assert!(
            store
                .split(&key(), &Split::new(id(), NOW, shards))
                .await
                .unwrap()
        );
        shards *= 2;
        let mut sum = 0;
        for shard in 0..shards {
            sum += held(&read(store, shard).await.unwrap(), "rpm").0;
        }
        assert_eq!(sum, 9_999, "{shards} shards");
    }
    let error = store
        .split(&key(), &Split::new(id(), NOW, shards))
        .await
        .unwrap_err();
    assert!(error.is_not_applied(), "{error}");
    assert_eq!(read(store, shards).await, None);
}

async fn a_write_for_the_old_number_of_shards_is_refused(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let write = |count| update([spend("rpm", 1)]).with_shard_count(count);
    apply(store, &write(1)).await;
    refuse(store, &write(2)).await;
    assert!(
        store
            .split(&key(), &Split::new(id(), NOW, 1))
            .await
            .unwrap()
    );
    refuse(store, &write(1)).await;
    apply(store, &write(2)).await;
}

async fn a_write_can_raise_the_number_of_shards(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let mut write = update([spend("rpm", 1)]).with_shard_count(1);
    write.raises_to = Some(2);
    apply(store, &write).await;
    assert_eq!(read(store, 0).await.unwrap().shard_count, 2);
    assert_eq!(read(store, 1).await, None);
    refuse(store, &write).await;
}
