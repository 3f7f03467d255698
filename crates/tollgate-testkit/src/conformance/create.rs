//! Creating a bucket.

use tollgate::{
    model::Level,
    store::{Store, WriteOutcome},
};

use super::{
    trial::trials,
    writes::{NOW, create, held, key, limit, of, parameters, put},
};

trials! {
    creates_where_there_is_none
    refuses_where_there_is_one
    replaces_an_expired_one
    refuses_one_that_expires_in_the_next_second
    keeps_a_remainder
}

async fn creates_where_there_is_none(store: &dyn Store) {
    assert_eq!(store.read(&key()).await.unwrap(), None);
    let spent = limit("rpm", 7_000).with_consumed(3_000);
    let create = create([spent, limit("tpm", 10_000)]).with_expires_at(NOW / 1000 + 70);
    let WriteOutcome::Applied(state) = store.create(&key(), &create).await.unwrap() else {
        panic!("refused")
    };

    assert_eq!(state.refilled_at, NOW);
    assert_eq!(state.expires_at, Some(NOW / 1000 + 70));
    assert_eq!((state.shard, state.shard_count), (0, 1));
    assert_eq!((state.cascade, &state.parent), (false, &None));
    assert_eq!(state.last_write, Some(create.id));
    assert_eq!(held(&state, "rpm"), (7_000, 3_000));
    assert_eq!(held(&state, "tpm"), (10_000, 0));
    assert_eq!(of(&state, "tpm").parameters, parameters());
    assert_eq!(
        store.read(&key()).await.unwrap(),
        Some(state),
        "applied returns the new state"
    );
}

async fn refuses_where_there_is_one(store: &dyn Store) {
    let state = put(store, [limit("rpm", 4_000)]).await;
    let outcome = store
        .create(&key(), &create([limit("rpm", 10_000)]))
        .await
        .unwrap();
    assert_eq!(outcome, WriteOutcome::Refused(Some(state.clone())));
    assert_eq!(store.read(&key()).await.unwrap(), Some(state));
}

async fn replaces_an_expired_one(store: &dyn Store) {
    let first = create([limit("rpm", 0), limit("tpm", 0)]).with_expires_at(NOW / 1000);
    store.create(&key(), &first).await.unwrap();

    let second = create([limit("rpm", 10_000)]);
    let WriteOutcome::Applied(state) = store.create(&key(), &second).await.unwrap() else {
        panic!("refused")
    };
    assert_eq!(held(&state, "rpm"), (10_000, 0));
    assert_eq!(state.limits().len(), 1);
    assert_eq!(state.expires_at, None);
    assert_eq!(store.read(&key()).await.unwrap(), Some(state));
}

async fn refuses_one_that_expires_in_the_next_second(store: &dyn Store) {
    let first = create([limit("rpm", 0)]).with_expires_at(NOW / 1000 + 1);
    store.create(&key(), &first).await.unwrap();
    let outcome = store
        .create(&key(), &create([limit("rpm", 10_000)]))
        .await
        .unwrap();
    assert!(
        matches!(outcome, WriteOutcome::Refused(Some(_))),
        "{outcome:?}"
    );
}

async fn keeps_a_remainder(store: &dyn Store) {
    let slow = limit("rpm", 0).with_level(Level::new(5, 7));
    put(store, [slow]).await;
    let state = store.read(&key()).await.unwrap().unwrap();
    assert_eq!(of(&state, "rpm").level, Level::new(5, 7));
}
