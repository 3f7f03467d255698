//! Compares the arithmetic with exact rational numbers.

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

use super::*;
use crate::model::Parameters;

fn ratio(numerator: i128, denominator: i128) -> BigRational {
    BigRational::new(BigInt::from(numerator), BigInt::from(denominator))
}

/// Returns the level as an exact number of millitokens, including the remainder.
fn exact(rule: RefillRule, level: Level) -> BigRational {
    ratio(level.tokens.into(), 1) + ratio(level.remainder.into(), rule.divisor.into())
}

/// Returns the level of a bucket with rational tokens.
fn oracle(rule: RefillRule, level: Level, elapsed: i64) -> BigRational {
    let grown = exact(rule, level)
        + ratio(elapsed.max(0).into(), 1) * ratio(rule.refill_amount.into(), rule.divisor.into());
    grown.min(ratio(rule.capacity.into(), 1))
}

/// Generates small numbers, whose divisions leave remainders, and the limits of an `i64`.
fn amount(least: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => least..100_000i64,
        2 => least..1_000_000_000_000i64,
        1 => least..=i64::MAX,
        1 => Just(i64::MAX),
        1 => Just(least),
    ]
}

prop_compose! {
    fn any_rule()(capacity in amount(0), refill in amount(1), period in amount(1), count in 1u32..=32)
        (shard in 0..count, capacity in Just(capacity), refill in Just(refill), period in Just(period), count in Just(count))
        -> RefillRule {
        let period = period.min(i64::MAX / i64::from(count));
        Parameters::new(capacity, refill, period).and_then(|parameters| parameters.shard(shard, count)).unwrap()
    }
}

prop_compose! {
    fn rule_and_level()(rule in any_rule())(
        tokens in prop_oneof![3 => (-100_000i64..100_000).prop_map(move |t| t.min(rule.capacity)), 1 => i64::MIN..=rule.capacity],
        remainder in 0..rule.divisor,
        rule in Just(rule),
    ) -> (RefillRule, Level) {
        // A full bucket has no remainder.
        let remainder = if tokens == rule.capacity { 0 } else { remainder };
        (rule, Level { tokens, remainder })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn refill_is_exact((rule, level) in rule_and_level(), elapsed in amount(0)) {
        let refilled = rule.refill(level, elapsed);
        prop_assert_eq!(exact(rule, refilled), oracle(rule, level, elapsed));
    }

    #[test]
    fn refill_never_exceeds_the_capacity_and_keeps_a_valid_remainder(
        (rule, level) in rule_and_level(), elapsed in any::<i64>()
    ) {
        let refilled = rule.refill(level, elapsed);
        prop_assert!(refilled.tokens <= rule.capacity);
        prop_assert!((0..rule.divisor).contains(&refilled.remainder));
        prop_assert!(refilled.tokens >= level.tokens);
    }

    #[test]
    fn refill_split_anywhere_equals_refill_at_once(
        (rule, level) in rule_and_level(),
        steps in proptest::collection::vec(prop_oneof![0i64..5, 0i64..100_000], 1..20),
    ) {
        let total: i64 = steps.iter().sum();
        let stepwise = steps.iter().fold(level, |level, step| rule.refill(level, *step));
        prop_assert_eq!(stepwise, rule.refill(level, total));
    }

    #[test]
    fn a_clock_that_runs_back_mints_nothing((rule, level) in rule_and_level(), back in i64::MIN..=0) {
        prop_assert_eq!(rule.refill(level, back), level);
    }

    #[test]
    fn the_wait_is_the_shortest_that_suffices((rule, level) in rule_and_level(), cost in amount(0)) {
        match rule.wait(level, cost) {
            None => prop_assert!(cost > rule.capacity),
            Some(i64::MAX) => {}
            Some(wait) => {
                prop_assert!(rule.refill(level, wait).tokens >= cost);
                if wait > 0 {
                    prop_assert!(rule.refill(level, wait - 1).tokens < cost);
                }
            }
        }
    }

    #[test]
    fn shards_hold_and_gain_what_the_whole_does(
        capacity in amount(0), refill in amount(1), period in 1i64..1_000_000_000, count in 1u32..=32, elapsed in 0i64..1_000_000_000
    ) {
        let whole = Parameters::new(capacity, refill, period).unwrap();
        let shards: Vec<RefillRule> = (0..count).map(|shard| whole.shard(shard, count).unwrap()).collect();
        let held: i128 = shards.iter().map(|rule| i128::from(rule.capacity)).sum();
        prop_assert_eq!(held, i128::from(capacity));
        let gained = shards.iter().map(|rule| {
            let Refill { raw, remainder } = rule.accrue(elapsed, 0);
            ratio(raw, 1) + ratio(remainder.into(), rule.divisor.into())
        }).fold(ratio(0, 1), |sum, gain| sum + gain);
        prop_assert_eq!(gained, ratio(elapsed.into(), 1) * ratio(refill.into(), period.into()));
    }

    #[test]
    fn a_new_period_with_a_remainder_of_the_old_one_mints_less_than_a_millitoken(
        (rule, level) in rule_and_level(), period in 1i64..1_000_000
    ) {
        let changed = RefillRule { divisor: period, ..rule };
        let refilled = changed.refill(level, 0);
        prop_assert!(refilled.tokens <= level.tokens.max(0).max(level.tokens));
        prop_assert!(refilled.remainder < period);
    }
}

#[test]
fn numbers_that_make_no_limit_are_refused() {
    assert!(Parameters::new(-1, 1, 1).is_err());
    assert!(Parameters::new(1, -1, 1).is_err());
    assert!(Parameters::new(1, 1, 0).is_err());
    assert!(
        Parameters::new(0, 1, i64::MAX)
            .unwrap()
            .shard(0, 2)
            .is_err()
    );
    assert!(Parameters::new(0, 1, 1).unwrap().shard(2, 2).is_err());
}

#[test]
fn a_slow_limit_that_is_refilled_often_loses_nothing() {
    // 100 a day, refilled every 20 ms for a day.
    let rule = Parameters::new(100_000, 100_000, 86_400_000)
        .unwrap()
        .whole();
    let mut level = Level::default();
    for _ in 0..86_400_000 / 20 {
        level = rule.refill(level, 20);
    }
    assert_eq!(
        level,
        Level {
            tokens: 100_000,
            remainder: 0
        }
    );
}
