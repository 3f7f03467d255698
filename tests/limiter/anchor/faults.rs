//! Faults of a first version of these writes, each with its smallest history.

use tollgate::model::{
    Anchor, BucketState, TokenChange, Update, WriteId,
    plan::{self, Desired, LedgerDelta, Others, Peers},
};

use super::{
    history::{Amounts, change},
    item::{Item, START, bucket, level, limit, name},
    peers,
};

/// Ten tokens, refilled at one a second.
const SLOW: (i64, i64, i64) = (10_000, 1000, 1000);

fn spend(limit: &str, spend: i64) -> LedgerDelta {
    change(
        limit,
        Amounts {
            spend,
            ..Amounts::default()
        },
    )
}

fn take(limit: &str, take: i64) -> LedgerDelta {
    change(
        limit,
        Amounts {
            take,
            ..Amounts::default()
        },
    )
}

fn give(limit: &str, give: i64) -> LedgerDelta {
    change(
        limit,
        Amounts {
            give,
            ..Amounts::default()
        },
    )
}

fn beside(peers: Peers) -> Others {
    Others {
        peers,
        ..Others::default()
    }
}

fn update(image: &BucketState, changes: &LedgerDelta, others: Others, now: i64) -> Update {
    let wanted = Desired {
        others,
        ..Desired::default()
    };
    plan::update(image, changes, wanted, now, WriteId::from_number(1))
}

/// Returns a write that moves the anchor because it adds or removes the expiry.
fn moving(image: &BucketState, changes: &LedgerDelta, now: i64) -> Update {
    let own = Some(image.expires_at.is_some());
    let update = plan::update(
        image,
        changes,
        Desired {
            own,
            ..Desired::default()
        },
        now,
        WriteId::from_number(2),
    );
    assert!(update.anchor.moves_to().is_some());
    update
}

/// F1: the write "add what is taken, whatever the bucket holds" charged nothing if the bucket had
/// overflowed since the anchor.
#[test]
fn f1_a_settlement_of_a_bucket_that_has_overflowed_is_charged() {
    let (item, image) = Item::new(&bucket(60_000, [limit("a", 10_000, SLOW)]));
    let after = item.apply(&update(
        &image,
        &take("a", 4000),
        beside(Peers::Absent),
        START,
    ));
    assert_eq!(level(&after, "a", START), 6000);
    let after = item.apply(&plan::take_anyway(
        &after,
        &take("a", 4000),
        START,
        WriteId::from_number(2),
    ));
    assert_eq!(level(&after, "a", START), 2000);
}

/// F2: a stale image shows too many tokens. The write was planned for a full bucket, and failed
/// because the bucket was not full.
#[test]
fn f2_a_stale_image_shows_a_little_too_much_and_the_write_is_done() {
    // 100 ms refill 100 millitokens. The image shows that amount above the capacity, and others
    // have spent more.
    let (item, image) = Item::new(&bucket(100, [limit("a", 10_000, SLOW)]));
    item.apply(&update(
        &image,
        &spend("a", 300),
        beside(Peers::Absent),
        START,
    ));
    item.apply(&update(
        &item.read(),
        &spend("a", 300),
        beside(Peers::Absent),
        START,
    ));
    let with_slack = Others {
        slack: 100,
        ..beside(Peers::Absent)
    };
    let after = item.apply(&update(&image, &spend("a", 1000), with_slack, START));
    assert_eq!(level(&after, "a", START), 8400);
}

#[test]
fn f2_the_row_is_chosen_less_what_others_are_taken_to_have_spent() {
    let (item, image) = Item::new(&bucket(1000, [limit("a", 10_000, SLOW)]));
    item.apply(&update(
        &image,
        &spend("a", 3000),
        beside(Peers::Absent),
        START,
    ));
    let others = Others {
        taken: [2500].into_iter().collect(),
        ..beside(Peers::Absent)
    };
    let after = item.apply(&update(&image, &spend("a", 1000), others, START));
    assert_eq!(level(&after, "a", START), 6000);
}

/// The slack is granted once. Everything above it is cut.
#[test]
fn f2_no_more_than_the_slack_is_spent_above_the_capacity() {
    let slack = || Others {
        slack: 100,
        ..beside(Peers::Absent)
    };
    for age in [100, 101, 5000] {
        let (item, image) = Item::new(&bucket(age, [limit("a", 10_000, SLOW)]));
        let after = item.apply(&update(&image, &spend("a", 1000), slack(), START));
        assert_eq!(
            level(&after, "a", START),
            if age == 100 { 9100 } else { 9000 },
            "{age}"
        );
    }
}

/// F3: a Python client's slow write lost the whole refill if it raced with the write "set what is
/// left, and leave the anchor".
#[test]
fn f3_a_race_with_an_unknown_client_costs_one_bucket_at_most() {
    for age in [1, 500, 1000, 1001, 30_000] {
        let numbers = (1_000_000, 1000, 1);
        let (item, image) = Item::new(&bucket(age, [limit("a", 999_000, numbers)]));
        let slow = peers::slow(&image, &spend("a", 1000), START).unwrap();
        item.apply(&update(&image, &spend("a", 1000), Others::default(), START));
        item.execute(&slow);
        assert!(
            level(&item.read(), "a", START) >= -2000,
            "{age} ms: {:?}",
            item.read()
        );
    }
}

#[test]
fn f3_a_race_with_a_client_that_was_seen_costs_nothing() {
    for age in [1, 500, 1000, 30_000] {
        let numbers = (1_000_000, 1000, 1);
        let (item, image) = Item::new(&bucket(age, [limit("a", 1_000_000, numbers)]));
        let slow = peers::slow(&image, &spend("a", 1000), START).unwrap();
        let after = item.apply(&update(
            &image,
            &spend("a", 1000),
            beside(Peers::Present),
            START,
        ));
        assert!(!item.execute(&slow).0, "it sees that the anchor has moved");
        assert_eq!(
            (level(&after, "a", START), after.own_anchor),
            (999_000, Some(START))
        );
    }
}

/// F4: the anchor moved by time, so every process that used the bucket rarely found it moved.
#[test]
fn f4_the_anchor_stays_however_old_it_is() {
    let per_minute = (60_000, 60_000, 60_000);
    let (item, first) = Item::new(&bucket(0, [limit("a", 30_000, per_minute)]));
    let mut images = [first.clone(), first.clone()];
    for turn in 0..600usize {
        let now = START + 6000 * turn as i64;
        let image = &mut images[turn % 2];
        let (_, seen) = item.execute(&update(
            image,
            &spend("a", 1000),
            beside(Peers::Absent),
            now,
        ));
        *image = seen;
        assert_eq!(image.refilled_at, first.refilled_at);
    }
}

/// F5: if the stored tokens cover a spend, it is right for every anchor.
#[test]
fn f5_a_spend_that_the_tokens_cover_is_done_behind_a_move() {
    let (item, image) = Item::new(&bucket(1000, [limit("a", 5000, SLOW)]));
    item.apply(&moving(&image, &spend("a", 1000), START));
    let spends = update(&image, &spend("a", 1000), Others::default(), START);
    assert_eq!(spends.anchor, Anchor::Free);
    assert_eq!(level(&item.apply(&spends), "a", START), 4000);
    // The same holds for takes, and for give-backs below the capacity.
    for changes in [take("a", 500), give("a", 500)] {
        item.apply(&update(&image, &changes, Others::default(), START));
    }
    // A spend that relies on the refill requires the anchor.
    let counts = update(&image, &spend("a", 6000), Others::default(), START);
    assert_eq!(counts.anchor, Anchor::Pinned(image.refilled_at));
}

/// F6: a settlement did not move the expiry, so the bucket was full again before its debt was paid.
#[test]
fn f6_a_debt_is_not_forgotten_when_the_bucket_is_gone() {
    let per_minute = (10_000, 10_000, 60_000);
    let mut first = bucket(0, [limit("a", 10_000, per_minute)]);
    first.expires_at = Some(START / 1000 + 3600);
    let (item, image) = Item::new(&first);
    let after = item.apply(&update(
        &image,
        &take("a", 1_000_000),
        Others::default(),
        START,
    ));
    let gone = after.expires_at.unwrap() * 1000;
    assert_eq!(level(&after, "a", gone), 10_000);
    assert!(after.refilled_at > image.refilled_at, "the anchor moves");

    // The image of this write does not show the debt.
    let (done, seen) = item.execute(&update(
        &image,
        &take("a", 100_000),
        Others::default(),
        START,
    ));
    let after = if done {
        seen
    } else {
        item.apply(&update(
            &seen,
            &take("a", 100_000),
            Others::default(),
            START,
        ))
    };
    assert_eq!(level(&after, "a", after.expires_at.unwrap() * 1000), 10_000);
}

/// F7: a clock that is ahead left a small fast bucket empty for all others.
#[test]
fn f7_a_clock_that_is_ahead_empties_no_fast_bucket() {
    let fast = (10_000, 1000, 1);
    let (item, image) = Item::new(&bucket(0, [limit("a", 10_000, fast)]));
    let after = item.apply(&update(
        &image,
        &spend("a", 1000),
        beside(Peers::Absent),
        START + 500,
    ));
    assert_eq!(level(&after, "a", START), 9000);
}

/// F8: a write that moves the anchor set a limit without a charge to its capacity, without a floor.
#[test]
fn f8_a_move_mints_nothing_of_a_limit_that_it_does_not_ask() {
    let (item, image) = Item::new(&bucket(
        1000,
        [limit("a", 5000, SLOW), limit("b", 10_000, SLOW)],
    ));
    item.apply(&update(
        &image,
        &spend("b", 4000),
        beside(Peers::Absent),
        START,
    ));
    let (done, seen) = item.execute(&moving(&image, &spend("a", 1000), START));
    assert!(!done, "it sets what is not there");
    let after = item.apply(&moving(&seen, &spend("a", 1000), START));
    assert_eq!(
        (level(&after, "a", START), level(&after, "b", START)),
        (5000, 6000)
    );
}

/// Without a line for the limit, the move lost all its refill.
#[test]
fn f8_a_move_refills_a_limit_that_it_does_not_ask() {
    let (item, image) = Item::new(&bucket(
        1000,
        [limit("a", 5000, SLOW), limit("b", 2000, SLOW)],
    ));
    // Others may spend from the limit meanwhile, so its refill is added without a condition.
    item.apply(&update(&image, &spend("b", 500), Others::default(), START));
    let after = item.apply(&moving(&image, &spend("a", 1000), START));
    assert_eq!(
        (level(&after, "a", START), level(&after, "b", START)),
        (5000, 2500)
    );
}

/// F9: a give-back up to the capacity gave less than allowed if the anchor had moved.
#[test]
fn f9_what_is_given_back_is_not_lost_to_an_anchor_that_moved() {
    for tokens in [9500, 10_000] {
        let (item, image) = Item::new(&bucket(400, [limit("a", tokens, SLOW)]));
        item.apply(&moving(&image, &spend("a", 300), START));
        let changes = give("a", 200);
        let (done, seen) = item.execute(&update(&image, &changes, Others::default(), START));
        let after = if done {
            seen
        } else {
            item.apply(&update(&seen, &changes, Others::default(), START))
        };
        let expected = (tokens + 400).min(10_000) - 300 + 200;
        assert_eq!(level(&after, "a", START), expected.min(10_000), "{tokens}");
    }
}

/// F10: stored tokens below zero without a debt. A Python client's slow write has no floor then.
#[test]
fn f10_beside_python_clients_the_tokens_stay_what_the_bucket_holds() {
    let (item, image) = Item::new(&bucket(5000, [limit("a", 0, SLOW)]));
    let after = item.apply(&update(
        &image,
        &spend("a", 2000),
        beside(Peers::Present),
        START,
    ));
    assert_eq!(
        (after.refilled_at, after.limits()[0].level.tokens),
        (START, 3000)
    );

    let (item, image) = Item::new(&bucket(5000, [limit("a", 0, SLOW)]));
    let after = item.apply(&update(
        &image,
        &spend("a", 2000),
        beside(Peers::Absent),
        START,
    ));
    assert_eq!(
        (after.refilled_at, after.limits()[0].level.tokens),
        (image.refilled_at, -2000)
    );
}

/// The stored tokens are half empty, and the refill makes the bucket full. Both writes spend the
/// refill.
#[test]
fn f10_a_slow_write_without_a_floor_does_not_spend_what_is_spent() {
    let (item, image) = Item::new(&bucket(10_000, [limit("a", 0, SLOW)]));
    let slow = peers::slow(&image, &spend("a", 5000), START).unwrap();
    assert_eq!(slow.lines()[0].floor, None);
    item.apply(&update(
        &image,
        &spend("a", 10_000),
        beside(Peers::Present),
        START,
    ));
    assert!(!item.execute(&slow).0, "{:?}", item.read());
}

/// F11: the refill is rounded down, so the level stays less than a millitoken above the capacity,
/// no matter how often that happens. If it were rounded up, a full bucket would deny the last
/// request that it holds.
#[test]
fn f11_fractions_do_not_add_up() {
    for (cp, ra, rp) in [(10, 3, 7), (10, 1, 10), (50, 7, 100)] {
        for age in 1..300 {
            let first = bucket(
                age,
                [
                    limit("a", cp - 2, (cp, ra, rp)),
                    limit("b", cp - 2, (cp, ra, rp)),
                ],
            );
            for moves in [false, true] {
                let (item, image) = Item::new(&first);
                let plan = if moves {
                    moving
                } else {
                    |image: &BucketState, changes: &LedgerDelta, now: i64| {
                        update(image, changes, beside(Peers::Absent), now)
                    }
                };
                let after = item.apply(&plan(&image, &spend("a", 1), START));
                let held = |text: &str, state: &BucketState| {
                    let known = state.limit(&name(text)).unwrap();
                    (known.level.tokens * rp
                        + (START - state.refilled_at) * ra
                        + known.level.remainder)
                        .min(cp * rp)
                };
                let (before, left) = (held("a", &image), held("a", &after));
                assert!(left >= before - rp, "{age} {moves}: {after:?}");
                assert!(left < before, "{age} {moves}: {after:?}");
                assert!(
                    held("b", &after) <= held("b", &image),
                    "{age} {moves}: {after:?}"
                );
            }
        }
    }
}

/// F13: a bucket with a period of a second expired after 7 s, and needed a write every few seconds
/// to stay.
#[test]
fn f13_a_bucket_is_there_for_an_hour_at_least() {
    let per_second = (1000, 1000, 1000);
    let mut first = bucket(0, [limit("a", 1000, per_second)]);
    first.expires_at = Some(START / 1000 + 10);
    let (item, image) = Item::new(&first);
    let after = item.apply(&update(&image, &spend("a", 1000), Others::default(), START));
    assert!(
        after.expires_at.unwrap() >= START / 1000 + 3600,
        "{after:?}"
    );
    // The expiry is not moved again for half of that time.
    for later in [1000, 60_000, 1_700_000] {
        let write = update(
            &after,
            &spend("a", 500),
            beside(Peers::Absent),
            START + later,
        );
        assert_eq!(write.anchor.moves_to(), None, "{later}");
        assert!(matches!(
            write.lines()[0].tokens,
            TokenChange::Add(_) | TokenChange::Set(_)
        ));
    }
}
