//! When a bucket counts as expired.

use tollgate::{
    model::Expiry,
    store::{Store, WriteOutcome},
};

use super::{
    trial::trials,
    writes::{NOW, apply, create, held, key, limit, refuse, spend, update},
};

trials! {
    updates_an_absent_bucket_not_and_leaves_no_stub
    updates_an_expired_bucket_not
    updates_a_bucket_until_its_second_has_come
    sets_and_removes_the_expiry
}

async fn updates_an_absent_bucket_not_and_leaves_no_stub(store: &dyn Store) {
    let plain = update([spend("rpm", 1_000)]);
    let empty = update([]);
    for update in [plain, empty] {
        assert_eq!(
            store.update(&key(), &update).await.unwrap(),
            WriteOutcome::Refused(None)
        );
        assert_eq!(store.read(&key()).await.unwrap(), None);
    }
}

async fn expiring(store: &dyn Store, seconds: i64) {
    let create = create([limit("rpm", 10_000)]).with_expires_at(seconds);
    store.create(&key(), &create).await.unwrap();
}

async fn updates_an_expired_bucket_not(store: &dyn Store) {
    expiring(store, NOW / 1000).await;
    refuse(store, &update([spend("rpm", 1_000)])).await;
}

async fn updates_a_bucket_until_its_second_has_come(store: &dyn Store) {
    expiring(store, NOW / 1000 + 1).await;
    let spend = update([spend("rpm", 1_000)]);
    let state = apply(store, &spend.clone().with_now(NOW + 499)).await;
    assert_eq!(held(&state, "rpm"), (9_000, 1_000));
    refuse(store, &spend.with_now(NOW + 500)).await;
}

async fn sets_and_removes_the_expiry(store: &dyn Store) {
    expiring(store, NOW / 1000 + 1).await;
    for (expiry, expires_at) in [
        (Expiry::At(NOW / 1000 + 9), Some(NOW / 1000 + 9)),
        (Expiry::Keep, Some(NOW / 1000 + 9)),
        (Expiry::Never, None),
        (Expiry::Keep, None),
        (Expiry::Never, None),
    ] {
        let state = apply(store, &update([]).with_expiry(expiry)).await;
        assert_eq!(state.expires_at, expires_at, "{expiry:?}");
    }
}
