//! Each kind of write, with a condition that holds, and one that fails by a millitoken.

use tollgate::{
    model::{Anchor, Line, TokenChange, Update},
    store::Store,
};

use super::{
    trial::trials,
    writes::{NOW, add, apply, held, limit, of, put, refuse, spend, update},
};

trials! {
    spend_with_enough_and_one_too_little
    spend_of_two_limits_is_all_or_nothing
    refill_that_stays_below_the_cap
    refill_out_of_debt
    refill_that_reaches_the_cap
    settle_that_takes_more_goes_into_debt
    give_back_below_the_cap
    give_back_to_the_cap
    refill_is_locked
    a_limit_that_is_only_refilled_has_no_floor
}

fn refill(lines: Line) -> Update {
    update([lines])
        .with_anchor(Anchor::Moves {
            seen: NOW,
            to: NOW + 2_000,
        })
        .with_now(NOW + 2_000)
}

async fn spend_with_enough_and_one_too_little(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    refuse(store, &update([spend("rpm", 5_001)])).await;
    let state = apply(store, &update([spend("rpm", 5_000)])).await;
    assert_eq!(held(&state, "rpm"), (0, 5_000));
    assert_eq!(state.refilled_at, NOW);
}

async fn spend_of_two_limits_is_all_or_nothing(store: &dyn Store) {
    put(store, [limit("rpm", 5_000), limit("tpm", 3_000)]).await;
    refuse(store, &update([spend("rpm", 1_000), spend("tpm", 3_001)])).await;
    refuse(store, &update([spend("rpm", 5_001), spend("tpm", 1_000)])).await;
    let state = apply(store, &update([spend("rpm", 1_000), spend("tpm", 3_000)])).await;
    assert_eq!(
        (held(&state, "rpm"), held(&state, "tpm")),
        ((4_000, 1_000), (0, 3_000))
    );
}

/// The bucket: two seconds refill 2000 millitokens. The request asks for 500.
fn below_cap(cost: i64) -> Update {
    let line = add("rpm", 2_000 - cost)
        .with_floor(cost - 2_000)
        .with_ceiling(8_000)
        .with_consumed(cost);
    refill(line.with_remainder(3))
}

async fn refill_that_stays_below_the_cap(store: &dyn Store) {
    put(store, [limit("rpm", 8_001)]).await;
    refuse(store, &below_cap(500)).await;
    apply(store, &update([spend("rpm", 1)])).await;
    let state = apply(store, &below_cap(500)).await;
    assert_eq!(held(&state, "rpm"), (9_500, 501));
    assert_eq!(
        (state.refilled_at, of(&state, "rpm").level.remainder),
        (NOW + 2_000, 3)
    );
}

async fn refill_out_of_debt(store: &dyn Store) {
    put(store, [limit("rpm", -1_500)]).await;
    refuse(store, &below_cap(501)).await;
    let state = apply(store, &below_cap(500)).await;
    assert_eq!(held(&state, "rpm"), (0, 500));
}

async fn refill_that_reaches_the_cap(store: &dyn Store) {
    put(store, [limit("rpm", 8_000)]).await;
    let line = add("rpm", 0)
        .with_floor(8_000)
        .with_tokens(TokenChange::Set(9_500))
        .with_consumed(500);
    let write = refill(line.with_remainder(0));
    apply(store, &update([spend("rpm", 1)])).await;
    refuse(store, &write).await;
    apply(store, &update([add("rpm", 1)])).await;
    let state = apply(store, &write).await;
    assert_eq!(held(&state, "rpm"), (9_500, 500));
    assert_eq!(state.refilled_at, NOW + 2_000);
}

async fn settle_that_takes_more_goes_into_debt(store: &dyn Store) {
    put(store, [limit("rpm", 1_000)]).await;
    let state = apply(store, &update([add("rpm", -4_500)])).await;
    assert_eq!(held(&state, "rpm"), (-3_500, 4_500));
    // A settlement does not add a limit that the bucket does not have.
    refuse(store, &update([add("tpm", -1)])).await;
}

async fn give_back_below_the_cap(store: &dyn Store) {
    put(store, [limit("rpm", 9_001)]).await;
    let give = update([add("rpm", 1_000).with_ceiling(9_000)]);
    refuse(store, &give).await;
    apply(store, &update([spend("rpm", 1)])).await;
    let state = apply(store, &give).await;
    assert_eq!(held(&state, "rpm"), (10_000, -999));
}

async fn give_back_to_the_cap(store: &dyn Store) {
    put(store, [limit("rpm", 8_999)]).await;
    let line = add("rpm", 0)
        .with_floor(9_000)
        .with_tokens(TokenChange::Set(10_000))
        .with_consumed(-1_000);
    let give = update([line]);
    refuse(store, &give).await;
    apply(store, &update([add("rpm", 1)])).await;
    let state = apply(store, &give).await;
    assert_eq!(held(&state, "rpm"), (10_000, -1_001));
}

async fn refill_is_locked(store: &dyn Store) {
    put(store, [limit("rpm", 0)]).await;
    let write = |seen| {
        update([add("rpm", 2_000).with_ceiling(8_000)]).with_anchor(Anchor::Moves {
            seen,
            to: NOW + 2_000,
        })
    };
    for seen in [NOW - 1, NOW + 1] {
        refuse(store, &write(seen)).await;
    }
    apply(store, &write(NOW)).await;
    let state = refuse(store, &write(NOW)).await;
    assert_eq!(
        (state.refilled_at, held(&state, "rpm").0),
        (NOW + 2_000, 2_000)
    );
}

async fn a_limit_that_is_only_refilled_has_no_floor(store: &dyn Store) {
    put(store, [limit("rpm", 5_000), limit("tpm", -9_000)]).await;
    let tpm = add("tpm", 2_000).with_ceiling(8_000).with_consumed(0);
    let rpm = add("rpm", 1_000)
        .with_floor(-1_000)
        .with_ceiling(8_000)
        .with_consumed(1_000);
    let write = refill(rpm).with_line(tpm);
    let state = apply(store, &write).await;
    assert_eq!(
        (held(&state, "rpm"), held(&state, "tpm")),
        ((6_000, 1_000), (-7_000, 0))
    );
}
