//! Numbers at the extremes of an `i64`.

use tollgate::{
    model::{Anchor, Create, Expiry, Level, Line, NewLimit, Parameters, TokenChange, Update},
    store::Store,
};

use super::{
    on_both,
    subject::{NOW, add, applied, apply, create, held, key, limit, of, put, refuse, spend, update},
};

on_both! {
    the_greatest_numbers_come_back
    the_least_tokens_come_back
    conditions_at_the_ends
    times_at_the_ends
}

async fn the_greatest_numbers_come_back(store: &dyn Store) {
    let parameters = Parameters::new(i64::MAX, i64::MAX, i64::MAX).unwrap();
    let level = Level { tokens: i64::MAX, remainder: i64::MAX - 1 };
    let greatest = NewLimit { parameters, level, consumed: i64::MAX, ..limit("rpm", 0) };
    applied(store.create(&key(), &create([greatest])).await.unwrap());
    let state = store.read(&key()).await.unwrap().unwrap();
    let limit = of(&state, "rpm");
    assert_eq!((limit.parameters, limit.level, limit.consumed), (parameters, level, i64::MAX));

    let state = apply(store, &update([Line { consumed: 0, ..spend("rpm", i64::MAX) }])).await;
    assert_eq!(held(&state, "rpm"), (0, i64::MAX));
}

async fn the_least_tokens_come_back(store: &dyn Store) {
    put(store, [limit("rpm", -1)]).await;
    let state = apply(store, &update([Line { consumed: i64::MAX, ..add("rpm", i64::MIN + 1) }])).await;
    assert_eq!(held(&state, "rpm"), (i64::MIN, i64::MAX));
    let state = apply(store, &update([Line { tokens: TokenChange::Set(1), ..add("rpm", 0) }])).await;
    assert_eq!(held(&state, "rpm").0, 1);
}

async fn conditions_at_the_ends(store: &dyn Store) {
    put(store, [limit("rpm", 0)]).await;
    apply(store, &update([Line { floor: Some(i64::MIN), ceiling: Some(i64::MAX), ..add("rpm", 0) }])).await;
    refuse(store, &update([Line { floor: Some(i64::MAX), ..add("rpm", 0) }])).await;
    refuse(store, &update([Line { ceiling: Some(i64::MIN), ..add("rpm", 0) }])).await;
}

async fn times_at_the_ends(store: &dyn Store) {
    let create = Create { now: 0, expires_at: Some(i64::MAX), ..create([limit("rpm", 0)]) };
    applied(store.create(&key(), &create).await.unwrap());
    let anchor = Anchor::Moves { seen: 0, to: i64::MAX };
    let state = apply(store, &Update { anchor, now: NOW, ..update([]) }).await;
    assert_eq!((state.refilled_at, state.expires_at), (i64::MAX, Some(i64::MAX)));
    let state = apply(store, &Update { expiry: Expiry::At(i64::MIN), now: i64::MIN, ..update([]) }).await;
    assert!(state.is_expired(i64::MAX));
}
