//! After a split, the shards together hold what the bucket held, at every later time.

use proptest::prelude::*;
use tollgate::{
    model::{BucketState, Split, WriteId},
    store::Store,
};

use super::{
    hold,
    item::{Item, START, bucket, limit, ready},
};

/// Returns the level of a limit before the cut at the capacity, in units of a millitoken divided by
/// period and shards.
fn uncut(state: &BucketState, at: i64) -> i128 {
    let limit = &state.limits()[0];
    let (period, count) = (
        i128::from(limit.parameters.refill_period()),
        i128::from(state.shard_count),
    );
    let refilled =
        i128::from(at - state.refilled_at) * i128::from(limit.parameters.refill_amount());
    i128::from(limit.level.tokens) * period * count + refilled + i128::from(limit.level.remainder)
}

#[test]
fn the_shards_of_a_split_hold_the_whole_in_debt_and_above_the_capacity_too() {
    let numbers = (
        0i64..=50,
        1i64..=9,
        prop_oneof![Just(1i64), Just(7), Just(10), Just(100)],
    );
    let inputs = (
        -5000i64..=5000,
        numbers,
        0i64..100,
        0i64..=5000,
        0i64..=100_000,
    );
    hold(inputs, |(tokens, numbers, remainder, age, later)| {
        let mut known = limit("a", tokens, numbers);
        known.level.remainder = remainder % numbers.2;
        let (item, whole) = Item::new(&bucket(age, [known]));
        let split = Split::new(WriteId::from_number(1), START, 1);
        prop_assert!(ready(item.store().split(item.key(), &split)));
        let other = item.key().clone().with_shard(1);
        let halves = [item.read(), ready(item.store().read(&other)).unwrap()];
        let at = START + later;
        // Both halves copy the remainder, and in each half it counts half as much.
        let sum: i128 = halves.iter().map(|half| uncut(half, at)).sum();
        let expected = uncut(&whole, at) * 2;
        prop_assert_eq!(sum, expected);
        for half in &halves {
            prop_assert_eq!(half.refilled_at, whole.refilled_at);
        }
        Ok(())
    });
}
