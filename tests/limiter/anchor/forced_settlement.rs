//! A settlement that was refused too often is charged even if the bucket does not hold the tokens.

use proptest::prelude::*;
use tollgate::model::{WriteId, plan};

use super::{
    history::{Amounts, change},
    hold,
    item::{Item, START, bucket, limit, name},
};

/// The image is as old as a round trip. The refill since then may be charged too little. Tokens
/// that overflowed by the image may be charged although another process has cut them meanwhile.
#[test]
fn a_forced_settlement_is_charged_but_for_the_refill_of_a_round_trip() {
    let numbers = (
        3i64..=50,
        1i64..=9,
        prop_oneof![Just(1i64), Just(7), Just(100)],
    );
    let inputs = (
        numbers,
        0i64..=4,
        0i64..=5000,
        1i64..=200,
        prop_oneof![Just(0i64), 0i64..=50],
        0i64..=100,
    );
    hold(inputs, |((cp, ra, rp), halves, age, take, spent, way)| {
        let (item, image) = Item::new(&bucket(
            age,
            [limit("a", cp * (halves - 2) / 2, (cp, ra, rp))],
        ));
        let before = image.limits()[0].clone();
        // Another process spends meanwhile.
        let spend = change(
            "a",
            Amounts {
                spend: spent,
                debt: 1000,
                ..Amounts::default()
            },
        );
        let (done, truth) = item.execute(&plan::update(
            &image,
            &spend,
            &[],
            START,
            WriteId::from_number(1),
        ));
        let spent = if done { spent } else { 0 };
        let update = plan::take_anyway(
            &image,
            &change(
                "a",
                Amounts {
                    take,
                    ..Amounts::default()
                },
            ),
            START,
            WriteId::from_number(2),
        );
        let after = item.apply(&update);
        prop_assert_eq!(after.limit(&name("a")).unwrap().consumed, spent + take);

        let at = START + way;
        let level = |state: &tollgate::model::BucketState| {
            let known = &state.limits()[0];
            known
                .rule_at(at)
                .refill(known.level, at - state.refilled_at)
                .tokens
        };
        let charged = level(&truth) - level(&after);
        let refilled = i64::try_from(before.rule_at(START).accrue(way, 0).raw).unwrap() + 1;
        prop_assert!(
            charged >= take - refilled,
            "{charged} of {take}, {update:?}"
        );
        let uncut =
            before.level.tokens + i64::try_from(before.rule_at(START).accrue(age, 0).raw).unwrap();
        prop_assert!(
            charged <= take + (uncut - cp).max(0) + 1,
            "{charged} of {take}, {update:?}"
        );
        Ok(())
    });
}
