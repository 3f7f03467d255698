//! Compares the refill over windows with a model that goes through every second.

use fastrand::Rng;

use super::*;
use crate::model::{Schedule, ScheduleEntry};

const MINUTE: i64 = 60_000;

/// 2026-11-28, 00:00 UTC: a Saturday.
const START: i64 = 1_795_824_000_000;

fn entry(random: &mut Rng) -> ScheduleEntry {
    let step = random.u8(1..=12);
    let cron = match random.u8(..4) {
        0 => format!("*/{step} * * * *"),
        1 => format!("{}-{} * * * *", step, step + random.u8(1..40)),
        2 => format!("* */{step} * * *"),
        _ => format!("* * * * {}", random.u8(1..=7)),
    };
    if random.bool() {
        ScheduleEntry::scaled(&cron, f64::from(random.u32(1..4000)) / 1000.0).unwrap()
    } else {
        let mut number = |most| random.bool().then(|| random.u64(1..most));
        let (capacity, amount) = (number(500), number(500));
        let period = std::time::Duration::from_secs(random.u64(1..100));
        ScheduleEntry::replaced(&cron, capacity, amount, Some(period)).unwrap()
    }
}

fn timetable(random: &mut Rng) -> Timetable {
    let entries: Vec<_> = (0..random.usize(1..4)).map(|_| entry(random)).collect();
    Timetable::new(Schedule::new(entries, "UTC").unwrap())
}

/// Returns the level after each second from `from` to `to`. No window begins within a second.
/// Millitokens; the fractions that a division leaves are kept within a second alone.
fn model(course: Course<'_>, tokens: i64, from: i64, to: i64) -> f64 {
    let mut level = tokens as f64;
    let mut at = from;
    loop {
        let numbers = course.timetable.schedule().parameters_at(
            crate::model::LimitNumbers {
                capacity: course.parameters.capacity(),
                refill_amount: course.parameters.refill_amount(),
                refill_period: course.parameters.refill_period(),
            },
            at,
        );
        let (shard, count) = (i64::from(course.shard.0), i64::from(course.shard.1));
        let capacity = numbers.capacity / count + i64::from(shard < numbers.capacity % count);
        level = level.min(capacity as f64);
        if at >= to {
            return level;
        }
        let step = (to - at).min(1000);
        let rate = numbers.refill_amount as f64 / numbers.refill_period as f64 / count as f64;
        level = (level + rate * step as f64).min(capacity as f64);
        at += step;
    }
}

#[test]
fn the_refill_is_that_of_a_bucket_that_is_looked_at_every_second() {
    let mut random = Rng::with_seed(8);
    for case in 0..300 {
        let timetable = timetable(&mut random);
        let number = |random: &mut Rng| random.i64(1..500) * 1000;
        let parameters = Parameters::new(
            number(&mut random),
            number(&mut random),
            random.i64(1..100) * 1000,
        )
        .unwrap();
        let count = 1 << random.u32(..3);
        let course = Course {
            timetable: &timetable,
            parameters,
            shard: (random.u32(..count), count),
        };
        let from = START + random.i64(0..7 * 1440) * MINUTE + random.i64(0..60) * 1000;
        let to = from + random.i64(0..40 * MINUTE);
        let tokens = random.i64(-400_000..400_000);
        let level = course.refill(from, to, 0).apply(Level::new(tokens, 0));
        let expected = model(course, tokens, from, to);
        let difference = expected - level.tokens as f64;
        // Each window loses a fraction of a millitoken.
        assert!(
            (-0.001..=42.0).contains(&difference),
            "{case}: {expected} {level:?}"
        );

        let amount = random.i64(1..=course.greatest_capacity().max(1));
        let start = Level::new(tokens.min(course.rule_at(from).capacity()), 0);
        let wait = course.wait(start, amount, from).unwrap();
        let at = |wait: i64| course.refill(from, from + wait, 0).apply(start).tokens;
        if wait > 0 && wait < 40 * MINUTE {
            assert!(at(wait) >= amount, "{case}: {wait} ms for {amount}");
            assert!(at(wait - 1) < amount, "{case}: {wait} ms for {amount}");
        }
    }
}

/// The spans are longer than what is looked at window by window: nothing is minted.
#[test]
fn a_long_time_refills_no_more_than_the_windows_do() {
    let mut random = Rng::with_seed(9);
    for case in 0..40 {
        let timetable = timetable(&mut random);
        let parameters = Parameters::new(100_000, 1000, 50_000).unwrap();
        let course = Course {
            timetable: &timetable,
            parameters,
            shard: (0, 1),
        };
        let to = START + random.i64(0..20 * 60 * MINUTE);
        let tokens = -random.i64(0..100_000_000);
        let level = course.refill(START, to, 0).apply(Level::new(tokens, 0));
        let expected = model(course, tokens, START, to);
        assert!(
            level.tokens as f64 <= expected + 0.001,
            "{case}: {expected} {level:?}"
        );
    }
}

#[test]
fn the_bucket_is_full_when_it_says_so() {
    let mut random = Rng::with_seed(10);
    for case in 0..200 {
        let timetable = timetable(&mut random);
        let course = Course {
            timetable: &timetable,
            parameters: Parameters::new(100_000, 100_000, 600_000).unwrap(),
            shard: (0, 1),
        };
        let level = Level::new(random.i64(-10_000..100_000), 0);
        let full = course.full_in(level, START);
        if full < 40 * MINUTE {
            let held = course.refill(START, START + full, 0).apply(level).tokens;
            let capacity = course.rule_at(START + full).capacity();
            assert_eq!(held, capacity, "{case}: {full} ms");
        }
    }
}
