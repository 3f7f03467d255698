//! Repeating a write whose answer was lost.

use tollgate::{
    model::{Guard, Update},
    store::Store,
};

use super::{
    trial::trials,
    writes::{apply, held, limit, put, refuse, spend, update},
};

trials! {
    a_repeat_of_a_write_that_landed_is_refused_and_shows_it
    a_repeat_of_a_write_that_did_not_land_is_done
    a_repeat_behind_another_write_is_done
}

fn guarded(update: &Update) -> Update {
    update
        .clone()
        .with_guard(Guard::NotLanded(update.id.clone()))
}

async fn a_repeat_of_a_write_that_landed_is_refused_and_shows_it(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let write = update([spend("rpm", 1_000)]);
    apply(store, &write).await;
    let state = refuse(store, &guarded(&write)).await;
    assert_eq!(state.last_write, Some(write.id));
    assert_eq!(held(&state, "rpm"), (4_000, 1_000));
}

async fn a_repeat_of_a_write_that_did_not_land_is_done(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let state = apply(store, &guarded(&update([spend("rpm", 1_000)]))).await;
    assert_eq!(held(&state, "rpm"), (4_000, 1_000));
}

async fn a_repeat_behind_another_write_is_done(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let write = update([spend("rpm", 1_000)]);
    apply(store, &write).await;
    apply(store, &update([spend("rpm", 1_000)])).await;
    // Only the last write is known, so the repeat charges twice. Tokens are lost, and none is
    // minted.
    let state = apply(store, &guarded(&write)).await;
    assert_eq!(held(&state, "rpm"), (2_000, 3_000));
}
