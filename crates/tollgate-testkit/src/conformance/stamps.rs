//! Conditions on the stamps of other clients, on a bucket that has none.

use tollgate::{
    model::{StampGuard, Update, Validity},
    store::Store,
};

use super::{
    trial::trials,
    writes::{apply, limit, name, put, refuse, spend, update},
};

trials! {
    conditions_that_hold_without_stamps
    conditions_that_need_a_stamp
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
