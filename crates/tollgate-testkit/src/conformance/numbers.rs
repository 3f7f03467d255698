//! Numbers at the extremes of an `i64`.

use tollgate::{
    model::{Anchor, Expiry, Level, Parameters, TokenChange},
    store::Store,
};

use super::{
    trial::trials,
    writes::{NOW, add, applied, apply, create, held, key, limit, of, put, refuse, spend, update},
};

trials! {
    the_greatest_numbers_come_back
    the_least_tokens_come_back
    conditions_at_the_ends
    times_at_the_ends
}

async fn the_greatest_numbers_come_back(store: &dyn Store) {
    let parameters = Parameters::new(i64::MAX, i64::MAX, i64::MAX).unwrap();
    let level = Level::new(i64::MAX, i64::MAX - 1);
    let greatest = limit("rpm", 0)
        .with_parameters(parameters)
        .with_level(level)
        .with_consumed(i64::MAX);
    applied(store.create(&key(), &create([greatest])).await.unwrap());
    let state = store.read(&key()).await.unwrap().unwrap();
    let limit = of(&state, "rpm");
    assert_eq!(
        (limit.parameters, limit.level, limit.consumed),
        (parameters, level, i64::MAX)
    );

    let state = apply(store, &update([spend("rpm", i64::MAX).with_consumed(0)])).await;
    assert_eq!(held(&state, "rpm"), (0, i64::MAX));
}

async fn the_least_tokens_come_back(store: &dyn Store) {
    put(store, [limit("rpm", -1)]).await;
    let state = apply(
        store,
        &update([add("rpm", i64::MIN + 1).with_consumed(i64::MAX)]),
    )
    .await;
    assert_eq!(held(&state, "rpm"), (i64::MIN, i64::MAX));
    let state = apply(
        store,
        &update([add("rpm", 0).with_tokens(TokenChange::Set(1))]),
    )
    .await;
    assert_eq!(held(&state, "rpm").0, 1);
}

async fn conditions_at_the_ends(store: &dyn Store) {
    put(store, [limit("rpm", 0)]).await;
    apply(
        store,
        &update([add("rpm", 0).with_floor(i64::MIN).with_ceiling(i64::MAX)]),
    )
    .await;
    refuse(store, &update([add("rpm", 0).with_floor(i64::MAX)])).await;
    refuse(store, &update([add("rpm", 0).with_ceiling(i64::MIN)])).await;
}

async fn times_at_the_ends(store: &dyn Store) {
    let create = create([limit("rpm", 0)])
        .with_now(0)
        .with_expires_at(i64::MAX);
    applied(store.create(&key(), &create).await.unwrap());
    let anchor = Anchor::Moves {
        seen: 0,
        to: i64::MAX,
    };
    let state = apply(store, &update([]).with_anchor(anchor).with_now(NOW)).await;
    assert_eq!(
        (state.refilled_at, state.expires_at),
        (i64::MAX, Some(i64::MAX))
    );
    let state = apply(
        store,
        &update([])
            .with_expiry(Expiry::At(i64::MIN))
            .with_now(i64::MIN),
    )
    .await;
    assert!(state.is_expired(i64::MAX));
}
