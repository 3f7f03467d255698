use std::time::Duration;

use jiff::tz::TimeZoneDatabase;

use crate::model::{
    CompactProblem, CronProblem, InvalidSchedule, ResetSchedule, Schedule, ScheduleEntry,
};

fn fault(cron: &str) -> (usize, CronProblem) {
    match ScheduleEntry::scaled(cron, 1.0) {
        Err(InvalidSchedule::Cron(error)) => {
            assert_eq!(&*error.expression, cron);
            (error.position, error.problem)
        }
        other => panic!("{cron}: {other:?}"),
    }
}

#[test]
fn encodes_as_the_peer_does() {
    let scaled = |cron, scale| {
        let entry = ScheduleEntry::scaled(cron, scale).unwrap();
        Schedule::new([entry], "UTC").unwrap().encode()
    };
    assert_eq!(scaled("* 9-17 * * MON-FRI", 0.5), "1h9-17w1-5s500");
    assert_eq!(scaled("0 0 * * SUN", 1.2345), "1m0h0w7s1234");
    assert_eq!(
        scaled("0 0 * * sun-tue,SUN/2,0", 1.2355),
        "1m0h0w0-2,0/2,7s1236"
    );
    assert_eq!(scaled("* * * * *", 1e-9), "1s1");
    let entry = ScheduleEntry::replaced(
        "*/15 * 1,15 JAN-MAR *",
        None,
        Some(3),
        Some(Duration::from_secs(10)),
    )
    .unwrap();
    let schedule = Schedule::new([entry], "UTC").unwrap();
    assert_eq!(schedule.encode(), "1m*/15D1,15M1-3a3p10");
    assert_eq!(
        ResetSchedule::new(["0 0 * * *"], "UTC").unwrap().encode(),
        "1m0h0"
    );
    let two = ResetSchedule::new(["0 0 1 * *", "0\t12  * * *"], "UTC").unwrap();
    assert_eq!(two.encode(), "1m0h0D1;m0h12");
    assert_eq!(two.crons().collect::<Vec<_>>()[1], "0 12 * * *");
}

#[test]
fn decodes_nothing_that_it_does_not_know() {
    let fault = |text: &str| match Schedule::decode(text, "UTC") {
        Err(InvalidSchedule::Undecodable {
            position, problem, ..
        }) => (position, problem),
        other => panic!("{text}: {other:?}"),
    };
    for (text, position, problem) in [
        ("", 0, CompactProblem::Version),
        ("m0s500", 0, CompactProblem::Version),
        ("0m0s500", 0, CompactProblem::Version),
        ("2m0s500", 0, CompactProblem::Version),
        ("99999999999999999999m0", 0, CompactProblem::Version),
        ("1", 1, CompactProblem::Empty),
        ("1;s500", 1, CompactProblem::Numbers),
        ("1m0", 1, CompactProblem::Numbers),
        ("1m0s0", 1, CompactProblem::Numbers),
        ("1m0s1000000001", 1, CompactProblem::Numbers),
        ("1m0s500c1", 1, CompactProblem::Numbers),
        ("1m0c1000000000000001", 1, CompactProblem::Numbers),
        ("1m0s500s500", 7, CompactProblem::Duplicate('s')),
        ("1m0m0s500", 3, CompactProblem::Duplicate('m')),
        ("1m0x1s500", 3, CompactProblem::Tag),
        ("1m0s500é", 7, CompactProblem::Tag),
        ("1m s500", 1, CompactProblem::Value('m')),
        ("1ms500", 1, CompactProblem::Value('m')),
        ("1m0s", 3, CompactProblem::Value('s')),
        ("1m0s5-0", 3, CompactProblem::Value('s')),
        ("1m0wSUNs500", 3, CompactProblem::Value('w')),
        (
            "1m0w7-1s500",
            4,
            CompactProblem::CronField(CronProblem::Backwards),
        ),
        (
            "1h1s500;m0h9,s500",
            13,
            CompactProblem::CronField(CronProblem::Number("hour")),
        ),
    ] {
        assert_eq!(fault(text), (position, problem), "{text}");
    }
    let many = |count: usize| format!("1{}", vec!["h1s500"; count].join(";"));
    assert!(Schedule::decode(&many(16), "UTC").is_ok());
    assert_eq!(fault(&many(17)), (1, CompactProblem::TooManyEntries));
    assert!(matches!(
        ResetSchedule::decode("1m0s500", "UTC"),
        Err(InvalidSchedule::Undecodable {
            position: 1,
            problem: CompactProblem::ResetTag('s'),
            ..
        })
    ));
    // The order of the tags is free.
    let schedule = Schedule::decode("1s500m*h1", "UTC").unwrap();
    assert_eq!(schedule.encode(), "1h1s500");
}

#[test]
fn names_the_place_of_the_fault() {
    let out_of_range = |field, first, last| CronProblem::OutOfRange { field, first, last };
    for (cron, position, problem) in [
        ("", 0, CronProblem::Fields(0)),
        ("0 0 * *", 7, CronProblem::Fields(4)),
        ("0 0 0 1 * *", 10, CronProblem::Fields(6)),
        ("@daily", 6, CronProblem::Fields(1)),
        ("60 0 * * *", 0, out_of_range("minute", 0, 59)),
        ("0 24 * * *", 2, out_of_range("hour", 0, 23)),
        ("0 0 0 * *", 4, out_of_range("day of month", 1, 31)),
        ("0 0 1,32 * *", 6, out_of_range("day of month", 1, 31)),
        ("0 0 * 13 *", 6, out_of_range("month", 1, 12)),
        ("0 0 * * 1-8", 10, out_of_range("weekday", 0, 7)),
        ("0 0 * * SAT-SUN", 8, CronProblem::Backwards),
        ("0 0 * * FRI-", 12, CronProblem::Number("weekday")),
        ("0 0 * * MONDAY", 8, CronProblem::Number("weekday")),
        ("0 0 ? * *", 4, CronProblem::Number("day of month")),
        ("0 1- * * *", 4, CronProblem::Number("hour")),
        ("0 1-2-3 * * *", 4, CronProblem::Number("hour")),
        ("0 1, * * *", 4, CronProblem::Number("hour")),
        ("0 */0 * * *", 4, CronProblem::ZeroStep),
        ("0 */x * * *", 4, CronProblem::Number("step")),
        ("0 1/2/3 * * *", 4, CronProblem::Number("step")),
        ("0 JAN * * *", 2, CronProblem::Number("hour")),
        ("0 0 L * *", 4, CronProblem::Unsupported('L')),
        ("0 0 15W * *", 6, CronProblem::Unsupported('W')),
        ("0 0 * * 5L", 9, CronProblem::Unsupported('L')),
        ("0 0 * * FRI#2", 11, CronProblem::Unsupported('#')),
        ("0 0 30 2 *", 4, CronProblem::NoSuchDay),
        ("0 0 31 4,6 *", 4, CronProblem::NoSuchDay),
        ("0 0 31 2 */2", 4, CronProblem::NoSuchDay),
    ] {
        assert_eq!(fault(cron), (position, problem), "{cron}");
    }
    let long = format!("{}0 * * * *", "0,".repeat(256));
    let refused = ScheduleEntry::scaled(&long, 1.0).unwrap_err().to_string();
    assert!(refused.contains("at byte 512"));
    for cron in ["0 0 31 2 1", "0 0 * * 5-7", "0 0 29 2 *", "0 0 * * SUN-SUN"] {
        assert!(ScheduleEntry::scaled(cron, 1.0).is_ok(), "{cron}");
    }
    assert_eq!(
        ScheduleEntry::scaled("0 0 * * SAT-SUN", 1.0)
            .unwrap_err()
            .to_string(),
        "cron `0 0 * * SAT-SUN`, at byte 8: the range ends before it begins (a range to Sunday ends with 7)"
    );
}

#[test]
fn refuses_bad_numbers_and_zones() {
    for scale in [0.0, -1.0, 1_000_000.1, f64::NAN, f64::INFINITY] {
        let refused = ScheduleEntry::scaled("* * * * *", scale);
        assert_eq!(refused, Err(InvalidSchedule::Scale));
    }
    let seconds = Duration::from_secs;
    let replaced =
        |capacity, refill, period| ScheduleEntry::replaced("* * * * *", capacity, refill, period);
    assert_eq!(replaced(None, None, None), Err(InvalidSchedule::NothingSet));
    assert!(replaced(Some(10u64.pow(15)), None, Some(seconds(10u64.pow(9)))).is_ok());
    for (capacity, refill, period) in [
        (Some(0), None, None),
        (Some(10u64.pow(15) + 1), None, None),
        (None, Some(0), None),
        (None, None, Some(seconds(10u64.pow(9) + 1))),
        (None, None, Some(Duration::from_millis(1500))),
    ] {
        assert!(matches!(
            replaced(capacity, refill, period),
            Err(InvalidSchedule::Number { .. })
        ));
    }
    for zone in TimeZoneDatabase::bundled().available() {
        assert!(ResetSchedule::new(["0 0 * * *"], zone.as_str()).is_ok());
    }
    for zone in [
        "",
        "Europe/berlin",
        "utc",
        "Etc/Unknown",
        "Mars/Base",
        "../UTC",
        "posix/UTC",
        "Europe/Berlin ",
    ] {
        assert_eq!(
            ResetSchedule::new(["0 0 * * *"], zone),
            Err(InvalidSchedule::Zone(zone.into()))
        );
    }
    assert_eq!(
        ResetSchedule::new(["*/1 * * * *"], "UTC"),
        Err(InvalidSchedule::NeverResets("*/1 * * * *".into()))
    );
    assert_eq!(
        ResetSchedule::new([], "UTC"),
        Err(InvalidSchedule::Entries(0))
    );
    assert_eq!(
        ResetSchedule::new(["0 0 * * *"; 17], "UTC"),
        Err(InvalidSchedule::Entries(17))
    );
}
