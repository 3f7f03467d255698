//! Random schedules at random times, as this crate and as the Python client evaluate them.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use fastrand::Rng;
use serde_json::{Value, json};
use tollgate::model::{LimitNumbers, ResetSchedule, Schedule, ScheduleEntry};

use crate::engine::skipped;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const ZONES: [&str; 13] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

/// Asks the peer all questions. Returns `None` and prints that the test is skipped if there is no
/// Python client.
fn ask(questions: &[Value]) -> Option<Vec<Value>> {
    let Some(python) = env::var_os("TOLLGATE_PEER_PYTHON") else {
        skipped("interop, because TOLLGATE_PEER_PYTHON names no Python client");
        return None;
    };
    // Without the system's time zones: with those of the package, as fresh as ours.
    let mut child = Command::new(python)
        .args(["-c", include_str!("schedules.py")])
        .env("PYTHONTZPATH", "")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peer starts");
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let lines: String = questions
        .iter()
        .map(|question| format!("{question}\n"))
        .collect();
    let writer = thread::spawn(move || input.write_all(lines.as_bytes()));
    let answers: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}

/// Returns the days from the epoch to a date.
fn day(year: i64, month: i64, day: i64) -> i64 {
    let years = year - i64::from(month < 3);
    let months = (month + 9) % 12;
    years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 719_469
}

/// Returns the first Sunday from a day on. The epoch began on a Thursday.
fn sunday(day: i64) -> i64 {
    day + (3 - day).rem_euclid(7)
}

/// Returns a time near a change of clocks, a leap day, the end of a month or of a year, or any time.
fn time(rng: &mut Rng, zone: &str) -> i64 {
    let year = rng.i64(2012..2038);
    let leap_year = year / 4 * 4;
    let near = match rng.u8(0..16) {
        0 => sunday(day(year, 3, 25)),
        1 => sunday(day(year, 10, 25)),
        2 => sunday(day(year, 3, 8)),
        3 => sunday(day(year, 11, 1)),
        4 => sunday(day(year, 4, 1)),
        5 => sunday(day(year, 9, 2)),
        6 => sunday(day(year, 10, 1)),
        7 | 8 => day(leap_year, 2, 29),
        9 | 10 => day(year, 12, 31),
        11 | 12 => day(year, [1, 3, 5, 7, 8, 10, 12][rng.usize(0..7)], 31),
        // The 30th of December 2011 did not take place in Apia.
        13 if zone == "Pacific/Apia" => day(2011, 12, 30),
        _ => day(year, rng.i64(1..13), rng.i64(1..29)),
    };
    let hours = match rng.u8(0..3) {
        0 => rng.i64(-4..6) * HOUR,
        1 => rng.i64(-30..48) * HOUR,
        _ => 0,
    };
    let rest = match rng.u8(0..3) {
        0 => rng.i64(0..60) * MINUTE,
        1 => rng.i64(0..HOUR),
        _ => 0,
    };
    near * DAY + hours + rest
}

/// Returns a field of an expression. Some of them are not valid.
fn field(rng: &mut Rng, first: i64, last: i64, names: &[&str]) -> String {
    if rng.u8(0..5) < 2 {
        return "*".to_owned();
    }
    let number = |rng: &mut Rng| {
        if !names.is_empty() && rng.u8(0..3) == 0 {
            let name = names[rng.usize(0..names.len())];
            return match rng.u8(0..3) {
                0 => name.to_lowercase(),
                _ => name.to_owned(),
            };
        }
        match rng.u8(0..60) {
            0 => (last + 1).to_string(),
            1 => (first - 1).to_string(),
            2 => format!("0{}", rng.i64(first..=last)),
            _ => rng.i64(first..=last).to_string(),
        }
    };
    let item = |rng: &mut Rng| {
        let (one, other) = (rng.i64(first..=last), rng.i64(first..=last));
        let range = format!("{}-{}", one.min(other), one.max(other));
        match rng.u8(0..40) {
            0..14 => number(rng),
            14..20 => range,
            20..23 => format!("{}-{}", number(rng), number(rng)),
            23..27 => format!("{range}/{}", rng.i64(1..=last)),
            27..31 => format!("{}/{}", number(rng), rng.i64(1..=last)),
            31..36 => format!("*/{}", rng.i64(1..=last + 2)),
            36 => "*".to_owned(),
            37 => format!("{}-{}/{}", one, one, rng.i64(1..9)),
            38 => format!("{one}/0"),
            _ => [
                "", "L", "LW", "15W", "5L", "FRI#2", "?", "1-", "-1", "x", "*/*", "1/2/3", "*-3",
            ][rng.usize(0..13)]
            .to_owned(),
        }
    };
    let count = [1, 1, 1, 1, 2, 2, 3, 5][rng.usize(0..8)];
    (0..count).map(|_| item(rng)).collect::<Vec<_>>().join(",")
}

/// Returns an expression. A third is usual, the rest is odd.
fn cron(rng: &mut Rng) -> String {
    const USUAL: [&str; 17] = [
        "30 2 * * *",
        "0 0 29 2 *",
        "0 0 31 * *",
        "0 0 1 1 *",
        "0 0 1 * *",
        "59 23 31 12 *",
        "* 9-17 * * MON-FRI",
        "* 2 * * *",
        "*/15 1-3 * * *",
        "* * * * SUN",
        "* * 29-31 * *",
        "* * 1 1 *",
        "* 0 1 * *",
        "0 0 * * 7",
        "0 0 13 * FRI",
        "0 0 */2 * FRI",
        "15 0 * * *",
    ];
    const MONTHS: [&str; 12] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ];
    const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    if rng.u8(0..3) == 0 {
        return USUAL[rng.usize(0..USUAL.len())].to_owned();
    }
    let mut fields = vec![
        field(rng, 0, 59, &[]),
        field(rng, 0, 23, &[]),
        field(rng, 1, 31, &[]),
        field(rng, 1, 12, &MONTHS),
        field(rng, 0, 7, &WEEKDAYS),
    ];
    match rng.u8(0..80) {
        0 => fields.insert(0, "0".to_owned()),
        1 => drop(fields.pop()),
        2 => fields[0].insert(0, ' '),
        _ => {}
    }
    fields.join(if rng.u8(0..20) == 0 { "  " } else { " " })
}

/// Returns the numbers that an entry sets, in the words of the peer.
fn entry(rng: &mut Rng) -> Value {
    let mut entry = json!({"cron": cron(rng)});
    match rng.u8(0..6) {
        0..3 => entry["scale"] = json!(rng.i64(1..3000) as f64 / 1000.0),
        3 => entry["scale"] = json!(rng.f64() * 2.0),
        4 => entry["capacity"] = json!(rng.i64(0..1000)),
        _ => {
            entry["refill_amount"] = json!(rng.i64(1..1000));
            entry["refill_period_seconds"] = json!(rng.i64(1..1000));
        }
    }
    entry
}

fn built(entry: &Value) -> Option<ScheduleEntry> {
    let cron = entry["cron"].as_str().unwrap();
    let entry = match entry["scale"].as_f64() {
        Some(scale) => ScheduleEntry::scaled(cron, scale),
        None => ScheduleEntry::replaced(
            cron,
            entry["capacity"].as_u64(),
            entry["refill_amount"].as_u64(),
            entry["refill_period_seconds"]
                .as_u64()
                .map(Duration::from_secs),
        ),
    };
    entry.ok()
}

/// Returns our answer in the form of the peer's.
fn answer(question: &Value) -> Value {
    let zone = question["zone"].as_str().unwrap();
    let now = question["now"].as_i64().unwrap();
    let entries = question["entries"].as_array().unwrap();
    let Some(built) = entries.iter().map(built).collect::<Option<Vec<_>>>() else {
        return Value::Null;
    };
    let schedule = Schedule::new(built, zone).unwrap();
    let number = |index: usize| question["base"][index].as_i64().unwrap();
    let base = LimitNumbers {
        capacity: number(0),
        refill_amount: number(1),
        refill_period: number(2),
    };
    let numbers = schedule.parameters_at(base, now);
    let mut answer = json!({
        "active": schedule.active(now),
        "boundary": schedule.next_boundary(now),
        "parameters": [numbers.capacity, numbers.refill_amount, numbers.refill_period],
        "encoded": schedule.encode(),
    });
    let crons = schedule.entries().iter().map(ScheduleEntry::cron);
    // An expression that matches every minute is no reset here.
    if let Ok(resets) = ResetSchedule::new(crons, zone) {
        answer["reset_boundary"] = json!(resets.next_boundary(now));
        answer["next_edge"] = json!(resets.next_edge(now));
        answer["previous_edge"] = json!(resets.previous_edge(now));
        answer["cycle"] = json!(resets.shortest_cycle());
        answer["reset_encoded"] = json!(resets.encode());
    }
    answer
}

#[test]
fn both_clients_evaluate_schedules_alike() {
    let mut rng = Rng::with_seed(16);
    let questions: Vec<Value> = (0..5000)
        .map(|_| {
            let zone = ZONES[rng.usize(0..ZONES.len())];
            let entries: Vec<Value> = (0..[1, 1, 2][rng.usize(0..3)])
                .map(|_| entry(&mut rng))
                .collect();
            let base = [
                rng.i64(1..1_000_000) * 1000,
                rng.i64(0..3) * 1000,
                rng.i64(1..1000) * 1000,
            ];
            json!({"zone": zone, "now": time(&mut rng, zone), "base": base, "entries": entries})
        })
        .collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    let (mut accepted, mut resets, mut rounded) = (0, 0, 0);
    for (question, theirs) in questions.iter().zip(&answers) {
        let ours = answer(question);
        assert_eq!(
            ours.is_null(),
            theirs.is_null(),
            "{question}: {ours}, {theirs}"
        );
        let Some(ours) = ours.as_object() else {
            continue;
        };
        accepted += 1;
        resets += usize::from(ours.contains_key("next_edge"));
        for (name, ours) in ours {
            let theirs = &theirs[name];
            if name == "parameters" && ours != theirs {
                // The peer multiplies in floating point, and loses one if the product is whole.
                let mut pairs = ours
                    .as_array()
                    .unwrap()
                    .iter()
                    .zip(theirs.as_array().unwrap());
                let by_one = pairs.all(|(ours, theirs)| {
                    (0..2).contains(&(ours.as_i64().unwrap() - theirs.as_i64().unwrap()))
                });
                assert!(by_one, "{question}: {ours}, {theirs}");
                rounded += 1;
                continue;
            }
            assert_eq!(ours, theirs, "{name} of {question}");
        }
    }
    println!(
        "{} schedules: {accepted} accepted by both, {} refused by both; {resets} as resets too; \
         {rounded} with parameters that the peer rounds down by one",
        questions.len(),
        questions.len() - accepted,
    );
    assert!(accepted >= 3000, "{accepted}");
}

#[test]
fn both_clients_decode_the_same_forms() {
    let mut rng = Rng::with_seed(16);
    let questions: Vec<Value> = (0..4000)
        .map(|_| {
            let entries = (0..rng.usize(1..3)).filter_map(|_| built(&entry(&mut rng)));
            let valid = Schedule::new(entries, "UTC").map(|schedule| schedule.encode());
            let mut compact = valid.unwrap_or_else(|_| "1m0h0".to_owned()).into_bytes();
            for _ in 0..rng.usize(0..3) {
                let at = rng.usize(0..=compact.len());
                let letter = b"mhDMwscapx0123456789,-/*;1"[rng.usize(0..26)];
                match rng.u8(0..3) {
                    0 => compact.insert(at, letter),
                    1 if at < compact.len() => compact[at] = letter,
                    _ if at < compact.len() => drop(compact.remove(at)),
                    _ => {}
                }
            }
            json!({"zone": "UTC", "compact": String::from_utf8(compact).unwrap()})
        })
        .collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    let mut accepted = 0;
    for (question, theirs) in questions.iter().zip(&answers) {
        let compact = question["compact"].as_str().unwrap();
        let schedule = Schedule::decode(compact, "UTC");
        let resets = ResetSchedule::decode(compact, "UTC");
        accepted += usize::from(schedule.is_ok() || resets.is_ok());
        let ours = json!([
            schedule.ok().map(|schedule| schedule.encode()),
            resets.ok().map(|resets| resets.encode()),
        ]);
        assert_eq!(&ours, theirs, "{question}");
    }
    println!(
        "{} stored forms: {accepted} decoded by both",
        questions.len()
    );
}
