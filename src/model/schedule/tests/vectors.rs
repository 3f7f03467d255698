use std::time::Duration;

use jiff::Timestamp;

use crate::model::{LimitNumbers, ResetSchedule, Schedule, ScheduleEntry};

const HOUR: i64 = 3_600_000;

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn half(cron: &str, zone: &str) -> Schedule {
    Schedule::new([ScheduleEntry::scaled(cron, 0.5).unwrap()], zone).unwrap()
}

fn resets(cron: &str, zone: &str) -> ResetSchedule {
    ResetSchedule::new([cron], zone).unwrap()
}

#[test]
fn both_days_or_one_of_them() {
    let friday = at("2026-11-20T00:00:00Z");
    assert_eq!(half("0 0 13 * FRI", "UTC").active(friday), Some(0));
    // The 20th is not in 1, 3, 5, …
    assert_eq!(half("0 0 */2 * FRI", "UTC").active(friday), None);
    assert_eq!(half("0 0 * * FRI", "UTC").active(friday), Some(0));
    assert_eq!(half("0 0 20 * *", "UTC").active(friday), Some(0));
    // A list that begins with `*` counts as `*` too.
    assert_eq!(half("0 0 20 * *,1", "UTC").active(friday), Some(0));
    assert_eq!(half("0 0 21 * *,1", "UTC").active(friday), None);
    assert_eq!(half("0 0 21 * 1,*", "UTC").active(friday), Some(0));
}

#[test]
fn office_hours_halve_a_limit() {
    let schedule = half("* 9-17 * * MON-FRI", "Europe/Berlin");
    let base = LimitNumbers {
        capacity: 100_000,
        refill_amount: 100_000,
        refill_period: 60_000,
    };
    let now = at("2026-01-15T16:30:00Z");
    let numbers = schedule.parameters_at(base, now);
    assert_eq!((numbers.capacity, numbers.refill_amount), (50_000, 50_000));
    assert_eq!(schedule.next_boundary(now), now + 1_800_000);
    assert_eq!(schedule.parameters_at(base, now + 1_800_000), base);
    // Without a change in sight, the horizon. The hour is the finest field.
    let never = half("* 0 29 2 *", "Europe/Berlin");
    assert_eq!(never.next_boundary(now + 1), now + 1 + 31 * 24 * HOUR);
}

#[test]
fn the_first_entry_that_matches_wins() {
    let entries = [
        ScheduleEntry::replaced(
            "0-29 12 * * *",
            Some(7),
            None,
            Some(Duration::from_secs(30)),
        )
        .unwrap(),
        ScheduleEntry::scaled("* 12 * * *", 0.001).unwrap(),
    ];
    let schedule = Schedule::new(entries, "UTC").unwrap();
    let noon = at("2026-03-01T12:00:00Z");
    let base = LimitNumbers {
        capacity: 999,
        refill_amount: 0,
        refill_period: 1_000,
    };
    let of = |minutes: i64| schedule.parameters_at(base, noon + minutes * 60_000);
    assert_eq!(of(-1), base);
    assert_eq!((of(0).capacity, of(0).refill_period), (7_000, 30_000));
    // At least 1, except the refill amount of a quota.
    assert_eq!((of(30).capacity, of(30).refill_amount), (1, 0));
    assert_eq!(schedule.next_boundary(noon), noon + 30 * 60_000);
    assert_eq!(
        schedule.next_boundary(noon + 30 * 60_000),
        noon + 60 * 60_000
    );
}

#[test]
fn scales_are_exact() {
    let scaled = |amount, scale| {
        let base = LimitNumbers {
            capacity: amount,
            refill_amount: amount,
            refill_period: 1,
        };
        let entry = ScheduleEntry::scaled("* * * * *", scale).unwrap();
        entry.apply(base).capacity
    };
    // In floating point, this is 28_999.999….
    assert_eq!(scaled(100_000, 0.29), 29_000);
    assert_eq!(scaled(i64::MAX, 1.0), i64::MAX);
    assert_eq!(scaled(i64::MAX, 1e6), i64::MAX);
    assert_eq!(scaled(3, 0.5), 1);
}

#[test]
fn a_gap_skips_a_reset_and_a_fold_repeats_it() {
    let nightly = resets("30 2 * * *", "Europe/Berlin");
    let gap = at("2026-03-28T23:30:00Z");
    assert_eq!(nightly.next_edge(gap), Some(gap + 25 * HOUR));
    let fold = at("2026-10-24T23:30:00Z");
    let first = fold + HOUR;
    assert_eq!(nightly.next_edge(fold), Some(first));
    assert_eq!(nightly.next_edge(first), Some(first + HOUR));
    assert_eq!(nightly.previous_edge(first + HOUR), Some(first + HOUR));
    assert_eq!(nightly.previous_edge(first + HOUR - 1), Some(first));
    assert_eq!(nightly.next_edge(first + HOUR), Some(first + 25 * HOUR));
    // The local day of the fold has 25 hours, but one beginning.
    let daily = resets("0 0 * * *", "Europe/Berlin");
    let midnight = at("2026-10-24T22:00:00Z");
    assert_eq!(daily.next_edge(midnight), Some(midnight + 25 * HOUR));
}

#[test]
fn edges_are_seen_within_a_cycle() {
    let leap_day = resets("0 0 29 2 *", "Europe/Berlin");
    let edge = at("2028-02-28T23:00:00Z");
    let day = 24 * HOUR;
    assert_eq!(leap_day.next_edge(edge - 366 * day), Some(edge));
    assert_eq!(leap_day.next_edge(edge - 366 * day - 1), None);
    assert_eq!(leap_day.next_boundary(edge - 500 * day), edge - 134 * day);
    assert_eq!(leap_day.next_edge(edge), None);
    assert_eq!(leap_day.previous_edge(edge + 365 * day), Some(edge));
    assert_eq!(leap_day.previous_edge(edge + 366 * day), None);
    assert_eq!(leap_day.shortest_cycle(), 366 * day);
    // A window is one edge, at its beginning.
    let noon = resets("* 12 * * *", "UTC");
    let edge = at("2026-05-05T12:00:00Z");
    assert_eq!(noon.previous_edge(edge + HOUR / 2), Some(edge));
    assert_eq!(noon.next_edge(edge + HOUR / 2), Some(edge + day));
    assert_eq!(noon.previous_edge(edge - 1), Some(edge - day));
    let both = ResetSchedule::new(["0 0 1 * *", "0 0 * * MON"], "UTC").unwrap();
    assert_eq!(both.shortest_cycle(), 7 * day);
    assert_eq!(
        both.next_edge(at("2026-11-30T00:00:00Z")),
        Some(at("2026-12-01T00:00:00Z"))
    );
    for (cron, cycle) in [
        ("* * * 2,3 *", 366 * day),
        ("* * 1 * MON", 31 * day),
        ("* * * * MON", 7 * day),
        ("* 1 * * *", day),
        ("5 * * * *", HOUR),
    ] {
        assert_eq!(resets(cron, "UTC").shortest_cycle(), cycle, "{cron}");
    }
}

#[test]
fn any_time_has_an_answer() {
    let schedule = half("30 2 * * *", "Europe/Berlin");
    let resets = resets("30 2 * * *", "Europe/Berlin");
    for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        assert!(schedule.next_boundary(now) >= now);
        assert!(resets.next_boundary(now) >= now);
        assert!(resets.previous_edge(now).is_none_or(|edge| edge <= now));
    }
}
