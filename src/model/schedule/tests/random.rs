use std::time::{Duration, Instant};

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::model::{ResetSchedule, Schedule, ScheduleEntry};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// Times around which something happens, epoch seconds: changes of clocks, a skipped day, the end
/// of a year, leap days.
const TIMES: [(&str, i64); 9] = [
    ("Europe/Berlin", 1_774_746_000),
    ("Europe/Berlin", 1_792_890_000),
    ("Australia/Lord_Howe", 1_775_314_800),
    ("Australia/Lord_Howe", 1_791_041_400),
    ("America/St_Johns", 1_793_506_200),
    ("Antarctica/Troll", 1_792_890_000),
    ("Pacific/Apia", 1_325_239_200),
    ("Asia/Kathmandu", 1_798_740_900),
    ("Africa/Casablanca", 1_835_488_800),
];

fn range(first: u32, last: u32) -> impl Strategy<Value = String> {
    (first..=last, first..=last)
        .prop_map(|(one, other)| format!("{}-{}", one.min(other), one.max(other)))
}

fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let item = prop_oneof![
        3 => (first..=last).prop_map(|number| number.to_string()),
        2 => range(first, last),
        1 => (range(first, last), 1u32..20).prop_map(|(range, step)| format!("{range}/{step}")),
        1 => (1u32..20).prop_map(|step| format!("*/{step}")),
    ];
    prop_oneof![
        3 => Just("*".to_owned()),
        3 => vec(item, 1..3).prop_map(|items| items.join(",")),
    ]
}

/// Expressions that often match, because most of their fields are `*` or ranges.
fn cron() -> impl Strategy<Value = String> {
    let fields = (
        field(0, 59),
        field(0, 23),
        field(1, 28),
        field(1, 12),
        field(0, 7),
    );
    fields.prop_map(|(minute, hour, day, month, weekday)| {
        format!("{minute} {hour} {day} {month} {weekday}")
    })
}

fn entry() -> impl Strategy<Value = ScheduleEntry> {
    let numbers = (option::of(1u64..1000), option::of(1u64..1000));
    prop_oneof![
        (cron(), 1u64..5000)
            .prop_map(|(cron, scale)| ScheduleEntry::scaled(&cron, scale as f64 / 1000.0)),
        (cron(), numbers).prop_map(|(cron, (capacity, refill))| {
            ScheduleEntry::replaced(&cron, capacity, refill, Some(Duration::from_secs(9)))
        }),
    ]
    .prop_map(Result::unwrap)
}

prop_compose! {
    fn zone_and_time()((zone, around) in select(&TIMES[..]), minutes in -1500i64..1500, millis in 0..MINUTE)
        -> (&'static str, i64) {
        (zone, around * 1000 + minutes * MINUTE + millis)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_next_boundary_is_that_of_a_scan(
        entries in vec(entry(), 1..4), (zone, now) in zone_and_time(),
    ) {
        let schedule = Schedule::new(entries, zone).unwrap();
        let boundary = schedule.next_boundary(now);
        let active = schedule.active(now);
        let minutes = (now / MINUTE + 1..).map(|minute| minute * MINUTE);
        let scanned = minutes
            .take_while(|minute| *minute <= now + 3 * DAY)
            .find(|minute| schedule.active(*minute) != active);
        match scanned {
            Some(scanned) => prop_assert_eq!(boundary, scanned),
            None => prop_assert!(boundary > now + 3 * DAY),
        }
    }

    #[test]
    fn edges_are_those_of_a_scan(cron in cron(), (zone, now) in zone_and_time()) {
        let Ok(resets) = ResetSchedule::new([&*cron], zone) else { return Ok(()) };
        let entry = ScheduleEntry::scaled(&cron, 1.0).unwrap();
        let matching = Schedule::new([entry], zone).unwrap();
        let is_edge = |minute: &i64| {
            matching.active(*minute).is_some() && matching.active(minute - MINUTE).is_none()
        };
        let first = now / MINUTE + 1;
        let next = (first..first + 3 * 1440).map(|minute| minute * MINUTE).find(is_edge);
        let before = (first - 3 * 1440..first).rev().map(|minute| minute * MINUTE).find(is_edge);
        match next {
            Some(next) => prop_assert_eq!(resets.next_edge(now), Some(next)),
            None => prop_assert!(resets.next_edge(now).is_none_or(|edge| edge > now + 2 * DAY)),
        }
        match before {
            Some(before) => prop_assert_eq!(resets.previous_edge(now), Some(before)),
            None => prop_assert!(resets.previous_edge(now).is_none_or(|edge| edge < now - 2 * DAY)),
        }
    }

    #[test]
    fn edges_follow_each_other(cron in cron(), (zone, now) in zone_and_time()) {
        let Ok(resets) = ResetSchedule::new([&*cron], zone) else { return Ok(()) };
        if let Some(next) = resets.next_edge(now) {
            prop_assert_eq!(resets.previous_edge(next), Some(next));
            prop_assert!(resets.previous_edge(next - 1).is_none_or(|edge| edge <= now));
            prop_assert_eq!(resets.next_boundary(now), next);
        }
        if let Some(previous) = resets.previous_edge(now) {
            prop_assert!(previous <= now);
            prop_assert_eq!(resets.next_edge(previous - 1), Some(previous));
        }
    }

    #[test]
    fn decoding_reverses_encoding(
        entries in vec(entry(), 1..16), crons in vec(cron(), 1..16), (zone, now) in zone_and_time(),
    ) {
        let schedule = Schedule::new(entries, zone).unwrap();
        let decoded = Schedule::decode(&schedule.encode(), zone).unwrap();
        prop_assert_eq!(&decoded, &schedule);
        prop_assert_eq!(decoded.active(now), schedule.active(now));
        if let Ok(resets) = ResetSchedule::new(crons.iter().map(|cron| &**cron), zone) {
            prop_assert_eq!(ResetSchedule::decode(&resets.encode(), zone).unwrap(), resets);
        }
    }

    #[test]
    fn decoding_never_panics(text in "1?[mhDMwscap0-9,/*;-]{0,20}", noise in ".{0,12}") {
        for text in [text, noise] {
            if let Ok(schedule) = Schedule::decode(&text, "UTC") {
                prop_assert_eq!(Schedule::decode(&schedule.encode(), "UTC").unwrap(), schedule);
            }
            let _ = ResetSchedule::decode(&text, "UTC");
            let _ = ScheduleEntry::scaled(&text, 1.0);
        }
    }
}

/// Run with `--release` and `--nocapture` for figures.
#[test]
fn the_worst_expressions_are_found_at_once() {
    let zone = "Africa/Casablanca";
    let crons = [
        "0 0 29 2 *",
        "* * * 2-1/1 *",
        "* 0-23/1 29 2 *",
        "0 0 1 1 *",
        "* * 29 2 *",
    ];
    let from = 1_795_910_400_000;
    for cron in crons {
        let Ok(entry) = ScheduleEntry::scaled(cron, 1.0) else {
            continue;
        };
        let schedule = Schedule::new([entry], zone).unwrap();
        let resets = ResetSchedule::new([cron], zone).unwrap();
        let times: Vec<i64> = (0..200).map(|step| from + step * 2 * DAY).collect();
        let measure = |name: &str, call: &dyn Fn(i64)| {
            let begun = Instant::now();
            times.iter().for_each(|now| call(*now));
            let each = begun.elapsed() / times.len() as u32;
            println!("{cron}, {name}: {each:?}");
            assert!(each < Duration::from_millis(10), "{cron}, {name}: {each:?}");
        };
        measure("next_boundary", &|now| {
            std::hint::black_box(schedule.next_boundary(now));
        });
        measure("next_edge", &|now| {
            std::hint::black_box(resets.next_edge(now));
        });
        measure("previous_edge", &|now| {
            std::hint::black_box(resets.previous_edge(now));
        });
    }
}
