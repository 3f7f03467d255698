//! Stamps: conditions on a bucket that has none; and for a store that keeps the flags of configs,
//! their changes.

use tollgate::{
    model::{
        Access, BucketStamps, BucketState, CascadeChange, ConfigFlag, ConfigScope, StampChange,
        StampGuard, Update, Validity,
    },
    store::{ReadConsistency, Store},
};

use super::{
    trial::trials,
    writes::{NOW, applied, apply, create, key, limit, name, put, refuse, spend, update},
};

trials! {
    conditions_that_hold_without_stamps
    conditions_that_need_a_stamp
    a_flag_is_stored_and_removed
    a_bucket_is_created_with_stamps
    stamps_are_changed
    stamps_are_changed_only_as_they_were_read
    cascade_changes_only_below_the_same_parent
}

fn with(stamps: StampGuard) -> Update {
    update([spend("rpm", 1)]).with_stamps(stamps)
}

async fn conditions_that_hold_without_stamps(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let guard = StampGuard::default;
    for validity in [Validity::Any, Validity::Lasts, Validity::Seen(None)] {
        apply(store, &with(guard().with_validity(validity))).await;
    }
    apply(store, &with(guard().with_enabled())).await;
    apply(store, &with(guard().with_bypassed(false))).await;
}

async fn conditions_that_need_a_stamp(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let guard = StampGuard::default;
    for validity in [Validity::Seen(Some(0)), Validity::Ends(0)] {
        refuse(store, &with(guard().with_validity(validity))).await;
    }
    refuse(store, &with(guard().with_bypassed(true))).await;
    refuse(store, &with(guard().with_soft(name("rpm")))).await;
}

/// Returns `true` if the store keeps flags. Stores a flag to find out.
async fn keeps_flags(store: &dyn Store) -> bool {
    let Some(records) = store.records() else {
        return false;
    };
    let flag = ConfigFlag::Cascade(Some(true));
    records.put_flag(&scope(), flag).await.is_ok()
}

fn scope() -> ConfigScope {
    ConfigScope::entity("user-1").unwrap()
}

async fn a_flag_is_stored_and_removed(store: &dyn Store) {
    if !keeps_flags(store).await {
        return;
    }
    let Some(records) = store.records() else {
        return;
    };
    let stored = async || {
        let scope = scope();
        let scopes = std::slice::from_ref(&scope);
        let found = records.look_up(None, scopes, None, ReadConsistency::Strong);
        let config = found.await.unwrap().configs.remove(0).unwrap();
        (config.access, config.cascade)
    };
    assert_eq!(stored().await, (None, Some(true)));
    for access in [Access::Disabled, Access::Bypassed, Access::Enabled] {
        let flag = ConfigFlag::Access(Some(access));
        records.put_flag(&scope(), flag).await.unwrap();
        assert_eq!(stored().await, (Some(access), Some(true)));
    }
    for flag in [ConfigFlag::Access(None), ConfigFlag::Cascade(None)] {
        records.put_flag(&scope(), flag).await.unwrap();
    }
    assert_eq!(stored().await, (None, None));
}

async fn a_bucket_is_created_with_stamps(store: &dyn Store) {
    if !keeps_flags(store).await {
        return;
    }
    let mut stamps = BucketStamps::default();
    stamps.bypassed_until = Some(NOW + 5);
    stamps.soft_until = vec![(name("rpm"), NOW + 9)];
    let create = create([limit("rpm", 5_000)]).with_stamps(stamps.clone());
    let state = applied(store.create(&key(), &create).await.unwrap());
    assert_eq!(state.stamps.as_deref(), Some(&stamps));
    assert_eq!(store.read(&key()).await.unwrap(), Some(state));
    apply(store, &with(StampGuard::default().with_bypassed(true))).await;
    apply(store, &with(StampGuard::default().with_soft(name("rpm")))).await;
}

fn change(change: StampChange) -> Update {
    update([]).with_stamp_change(change)
}

async fn stamps_are_changed(store: &dyn Store) {
    if !keeps_flags(store).await {
        return;
    }
    put(store, [limit("rpm", 5_000)]).await;
    let disabled = |state: &BucketState| {
        let stamps = state.stamps.as_deref().cloned().unwrap_or_default();
        (stamps.disabled, stamps.bypassed_until)
    };
    for (is_disabled, until) in [(true, None), (false, Some(NOW + 5)), (false, None)] {
        let state = apply(store, &change(StampChange::access(is_disabled, until))).await;
        assert_eq!(disabled(&state), (is_disabled, until));
    }
    apply(store, &change(StampChange::access(true, None))).await;
    refuse(store, &with(StampGuard::default().with_enabled())).await;
    let mut soft = StampChange::default();
    soft.soft = vec![(name("rpm"), Some(NOW + 7)), (name("none"), None)];
    let state = apply(store, &change(soft)).await;
    let stamps = state.stamps.unwrap_or_default();
    assert_eq!(stamps.soft_until, [(name("rpm"), NOW + 7)]);
    assert!(stamps.disabled, "other stamps stay");
}

async fn stamps_are_changed_only_as_they_were_read(store: &dyn Store) {
    if !keeps_flags(store).await {
        return;
    }
    put(store, [limit("rpm", 5_000)]).await;
    let renewal = |seen: Option<i64>, until: Option<i64>| {
        let mut stamps = BucketStamps::default();
        stamps.bypassed_until = seen;
        let mut renewal = StampChange::default();
        renewal.bypass = Some(until);
        renewal.seen = Some(Box::new(stamps));
        change(renewal)
    };
    refuse(store, &renewal(Some(NOW), Some(NOW + 9))).await;
    apply(store, &renewal(None, Some(NOW + 5))).await;
    refuse(store, &renewal(None, Some(NOW + 9))).await;
    refuse(store, &renewal(Some(NOW + 4), None)).await;
    apply(store, &renewal(Some(NOW + 5), Some(NOW))).await;
    // A stamp that was not read may have ended.
    apply(store, &renewal(None, None)).await;
    assert_eq!(store.read(&key()).await.unwrap().unwrap().stamps, None);
}

async fn cascade_changes_only_below_the_same_parent(store: &dyn Store) {
    if !keeps_flags(store).await {
        return;
    }
    put(store, [limit("rpm", 5_000)]).await;
    let cascade = |parent: Option<&str>| {
        let parent = parent.map(|parent| parent.try_into().unwrap());
        let mut cascade = StampChange::default();
        cascade.cascade = Some(CascadeChange::new(true, parent));
        change(cascade)
    };
    refuse(store, &cascade(Some("org"))).await;
    assert!(apply(store, &cascade(None)).await.cascade);
}
