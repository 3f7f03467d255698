//! The condition that a write has on the anchor, and how it changes the anchor.

use tollgate::{
    model::{Anchor, BucketState, Update},
    store::Store,
};

use super::{
    trial::trials,
    writes::{NOW, add, apply, held, limit, put, refuse, spend, update},
};

trials! {
    a_free_write_leaves_the_anchor_whatever_it_is
    a_pinned_write_requires_the_anchor_and_leaves_it
    a_write_that_moves_the_anchor_says_that_it_did
    a_new_bucket_has_an_anchor_of_ours
    a_write_may_have_a_floor_and_a_ceiling
    the_anchor_may_move_back
}

/// Returns the anchor, and the anchor that a write of this crate set last.
fn anchors(state: &BucketState) -> (i64, Option<i64>) {
    (state.refilled_at, state.own_anchor)
}

fn with(anchor: Anchor) -> Update {
    update([spend("rpm", 1_000)]).with_anchor(anchor)
}

async fn a_free_write_leaves_the_anchor_whatever_it_is(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    apply(
        store,
        &with(Anchor::Moves {
            seen: NOW,
            to: NOW + 7,
        }),
    )
    .await;
    let state = apply(store, &with(Anchor::Free)).await;
    assert_eq!(anchors(&state), (NOW + 7, Some(NOW + 7)));
}

async fn a_pinned_write_requires_the_anchor_and_leaves_it(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    for seen in [NOW - 1, NOW + 1] {
        refuse(store, &with(Anchor::Pinned(seen))).await;
    }
    let later = with(Anchor::Pinned(NOW)).with_now(NOW + 9_000);
    let state = apply(store, &later).await;
    assert_eq!(
        (anchors(&state), held(&state, "rpm")),
        ((NOW, Some(NOW)), (4_000, 1_000))
    );
    // Any number of writes may pin the same anchor.
    apply(store, &with(Anchor::Pinned(NOW))).await;
}

async fn a_write_that_moves_the_anchor_says_that_it_did(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    for seen in [NOW - 1, NOW + 1] {
        refuse(store, &with(Anchor::Moves { seen, to: NOW + 5 })).await;
    }
    let state = apply(
        store,
        &with(Anchor::Moves {
            seen: NOW,
            to: NOW + 5,
        }),
    )
    .await;
    assert_eq!(anchors(&state), (NOW + 5, Some(NOW + 5)));
    assert!(!state.shows_peer());
    refuse(store, &with(Anchor::Pinned(NOW))).await;
}

async fn a_new_bucket_has_an_anchor_of_ours(store: &dyn Store) {
    let state = put(store, [limit("rpm", 5_000)]).await;
    assert_eq!(anchors(&state), (NOW, Some(NOW)));
    assert!(!state.shows_peer());
}

async fn a_write_may_have_a_floor_and_a_ceiling(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let between = |floor, ceiling| {
        update([add("rpm", 0)
            .with_floor(floor)
            .with_ceiling(ceiling)
            .with_consumed(0)])
    };
    for (floor, ceiling) in [(5_001, 9_000), (0, 4_999), (5_001, 4_999)] {
        refuse(store, &between(floor, ceiling)).await;
    }
    for (floor, ceiling) in [(5_000, 5_000), (i64::MIN, 5_000), (5_000, i64::MAX)] {
        apply(store, &between(floor, ceiling)).await;
    }
}

/// The anchor moves back if a wrong clock has left it far ahead.
async fn the_anchor_may_move_back(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let state = apply(
        store,
        &with(Anchor::Moves {
            seen: NOW,
            to: NOW - 60_000,
        }),
    )
    .await;
    assert_eq!(anchors(&state), (NOW - 60_000, Some(NOW - 60_000)));
}
