//! Names of the extreme lengths and with unusual characters.

use tollgate::{
    model::Anchor,
    store::{Store, WriteOutcome},
};

use super::{
    trial::trials,
    writes::{NOW, add, applied, apply, create, held, key_of, limit, put, spend, update},
};

trials! {
    limit_names_of_all_characters
    limit_names_that_look_like_attributes
    ids_of_all_characters_at_full_length
    keys_that_differ_in_one_part_are_different_buckets
}

async fn limit_names_of_all_characters(store: &dyn Store) {
    let long = format!("x{}", "y".repeat(63));
    let names = ["a.b-c_d", "A0.", "size", long.as_str()];
    put(store, names.map(|name| limit(name, 5_000))).await;
    let refill = add(&long, 1_000).with_ceiling(9_000).with_remainder(1);
    let anchor = Anchor::Moves {
        seen: NOW,
        to: NOW + 1_000,
    };
    let lines = [
        spend("a.b-c_d", 1_000),
        spend("A0.", 2_000),
        spend("size", 3_000),
        refill,
    ];
    let state = apply(store, &update(lines).with_anchor(anchor)).await;
    let tokens = names.map(|name| held(&state, name).0);
    assert_eq!(tokens, [4_000, 3_000, 2_000, 6_000]);
}

async fn limit_names_that_look_like_attributes(store: &dyn Store) {
    let names = ["a", "a_tk", "tk", "a_cp", "b_a", "a_tk_tk", "wcu_tk", "WCU"];
    put(store, names.map(|name| limit(name, 5_000))).await;
    for (index, name) in names.into_iter().enumerate() {
        let state = apply(store, &update([spend(name, 1_000)])).await;
        let spent = names.map(|name| 5_000 - held(&state, name).0);
        let expected: Vec<i64> = (0..names.len())
            .map(|other| if other <= index { 1_000 } else { 0 })
            .collect();
        assert_eq!(spent.as_slice(), expected, "{name}");
        assert_eq!(state.limits().len(), names.len());
    }
}

async fn ids_of_all_characters_at_full_length(store: &dyn Store) {
    let characters: String = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    let entity: String = format!("{characters}_.:@-")
        .chars()
        .cycle()
        .take(256)
        .collect();
    let resource: String = "openai/gpt-4.1_x:".chars().cycle().take(64).collect();
    let key = key_of(&entity, &resource);
    applied(
        store
            .create(&key, &create([limit("rpm", 5_000)]))
            .await
            .unwrap(),
    );
    let state = applied(
        store
            .update(&key, &update([spend("rpm", 1_000)]))
            .await
            .unwrap(),
    );
    assert_eq!(held(&state, "rpm"), (4_000, 1_000));
    assert_eq!(store.read(&key).await.unwrap(), Some(state));
}

async fn keys_that_differ_in_one_part_are_different_buckets(store: &dyn Store) {
    let keys = [
        key_of("a", "b"),
        key_of("a", "B"),
        key_of("A", "b"),
        key_of("a:b", "b"),
        key_of("a", "b:b"),
    ];
    for key in &keys {
        let outcome = store
            .create(key, &create([limit("rpm", 5_000)]))
            .await
            .unwrap();
        assert!(matches!(outcome, WriteOutcome::Applied(_)), "{key:?}");
    }
    applied(
        store
            .update(&keys[0], &update([spend("rpm", 1_000)]))
            .await
            .unwrap(),
    );
    for (index, key) in keys.iter().enumerate() {
        let state = store.read(key).await.unwrap().unwrap();
        assert_eq!(
            held(&state, "rpm").0,
            if index == 0 { 4_000 } else { 5_000 },
            "{key:?}"
        );
    }
}
