//! Extreme numbers: years between two writes, and 10^15 tokens a second.

use proptest::prelude::*;
use tollgate::model::{
    WriteId,
    plan::{self, Desired, Others, Peers},
};

use super::{
    history::{Amounts, change},
    hold,
    item::{Item, START, bucket, level, limit},
};

/// 10^15 tokens, in millitokens.
const MOST: i64 = 1_000_000_000_000_000_000;

/// 30 years, in ms.
const LONG: i64 = 946_728_000_000;

fn peers() -> impl Strategy<Value = Peers> {
    prop_oneof![
        Just(Peers::Absent),
        Just(Peers::Unknown),
        Just(Peers::Present)
    ]
}

/// The anchor moves before a number overflows an `i64`, and the bucket is always full.
#[test]
fn numbers_that_leave_an_i64_are_brought_back() {
    let rate = prop_oneof![
        Just((MOST, 1)),
        Just((MOST, 1000)),
        Just((1, 1)),
        Just((1, 1_000_000_000_000))
    ];
    let age = prop_oneof![1i64..20, 1i64..20_000, 1..LONG];
    let amount = || prop_oneof![Just(0i64), 1i64..1000, 1..=MOST];
    let steps = proptest::collection::vec((age, amount(), amount(), amount(), peers()), 1..8);
    let inputs = (
        rate,
        prop_oneof![Just(MOST), Just(1000i64)],
        prop_oneof![Just(1i64), Just(0), Just(-1)],
        steps,
    );
    hold(inputs, |((ra, rp), cp, halves, steps)| {
        let (item, mut image) = Item::new(&bucket(0, [limit("a", cp * halves, (cp, ra, rp))]));
        let mut now = START;
        for (pause, spend, take, give, peers) in steps {
            now += pause;
            let (spend, take) = (spend.min(cp), take.min(cp));
            let changes = change(
                "a",
                Amounts {
                    spend,
                    take,
                    give,
                    debt: 0,
                },
            );
            let before = level(&image, "a", now);
            let exact = (i128::from(before) + i128::from(give)).min(cp.into())
                - i128::from(spend)
                - i128::from(take);
            let others = Others {
                peers,
                ..Others::default()
            };
            let wanted = Desired {
                others,
                ..Desired::default()
            };
            let short = plan::is_short(&image, &changes, now);
            let (done, after) = item.execute(&plan::update(
                &image,
                &changes,
                wanted,
                now,
                WriteId::from_number(1),
            ));
            prop_assert_eq!(done, !short, "{:?}", after);
            image = after;
            if done {
                let held = i128::from(level(&image, "a", now));
                prop_assert!(
                    held >= exact - 1 && held <= exact,
                    "{held} {exact} {image:?}"
                );
            }
        }
        Ok(())
    });
}
