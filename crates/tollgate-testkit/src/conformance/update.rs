//! Changes of an update besides tokens.

use tollgate::{
    model::{Anchor, Level, Parameters, Update},
    store::Store,
};

use super::{
    trial::trials,
    writes::{NOW, add, apply, held, limit, of, put, refuse, spend, update},
};

trials! {
    changes_nothing_but_the_last_write
    adds_a_limit_once
    changes_parameters_and_resets_the_remainder
    changed_parameters_refuse_lines_that_speak_of_the_old_ones
    what_no_line_names_stays
}

async fn changes_nothing_but_the_last_write(store: &dyn Store) {
    let before = put(store, [limit("rpm", 5_000)]).await;
    let mut after = apply(store, &update([])).await;
    after.last_write.clone_from(&before.last_write);
    after.pressure = before.pressure;
    assert_eq!(after, before);
}

fn moving(update: Update) -> Update {
    update.with_anchor(Anchor::Moves {
        seen: NOW,
        to: NOW + 1,
    })
}

async fn adds_a_limit_once(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let write = moving(update([])).with_added(limit("tpm", 9_000).with_consumed(1_000));
    let state = apply(store, &write).await;
    assert_eq!(
        (held(&state, "rpm"), held(&state, "tpm")),
        ((5_000, 0), (9_000, 1_000))
    );
    assert_eq!(of(&state, "tpm").level.remainder, 0);

    let again = write.with_anchor(Anchor::Free);
    refuse(store, &again).await;
}

async fn changes_parameters_and_resets_the_remainder(store: &dyn Store) {
    let slow = limit("rpm", 0).with_level(Level::new(5_000, 9));
    put(store, [slow]).await;
    let parameters = Parameters::new(4_000, 1, 7).unwrap();
    let line = add("rpm", -1_000)
        .with_remainder(0)
        .with_parameters(parameters);
    let state = apply(store, &moving(update([line]))).await;
    let limit = of(&state, "rpm");
    assert_eq!(
        (limit.parameters, limit.rule_at(NOW)),
        (parameters, parameters.whole())
    );
    assert_eq!(limit.level, Level::new(4_000, 0));
}

async fn changed_parameters_refuse_lines_that_speak_of_the_old_ones(store: &dyn Store) {
    put(store, [limit("rpm", 5_000)]).await;
    let known = limit("rpm", 5_000).parameters;
    let (capacity, amount, period) = (
        known.capacity(),
        known.refill_amount(),
        known.refill_period(),
    );
    for (change, holds) in [
        ([0, 0, 0], true),
        ([1, 0, 0], false),
        ([-1, 0, 0], false),
        ([0, 1, 0], false),
        ([0, 0, 1], false),
    ] {
        let expected =
            Parameters::new(capacity + change[0], amount + change[1], period + change[2]).unwrap();
        let write = update([spend("rpm", 1_000).with_expected(expected)]);
        if holds {
            apply(store, &write).await
        } else {
            refuse(store, &write).await
        };
    }
}

async fn what_no_line_names_stays(store: &dyn Store) {
    let slow = limit("tpm", 0)
        .with_level(Level::new(5, 7))
        .with_consumed(3);
    put(store, [limit("rpm", 5_000), slow]).await;
    let state = apply(store, &moving(update([spend("rpm", 1_000)]))).await;
    let tpm = of(&state, "tpm");
    assert_eq!((tpm.level, tpm.consumed), (Level::new(5, 7), 3));
}
