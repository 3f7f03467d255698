//! Prints limits as the Python command does.

use std::time::Duration;

use tollgate::{Limit, model::Renewal};

/// Describes a limit: `rpm: 1,000/min (burst: 2,000) (soft)`.
pub(crate) fn describe(limit: &Limit) -> String {
    let soft = if limit.is_soft() { " (soft)" } else { "" };
    format!("{}{soft}", numbers(limit))
}

/// Describes the schedule of a limit: a line for each entry, below a heading. Empty without one.
pub(crate) fn schedule(limit: &Limit) -> Vec<String> {
    let Some(schedule) = limit.schedule() else {
        return Vec::new();
    };
    let mut lines = vec!["  Schedule:".to_owned()];
    for entry in schedule.entries() {
        let effect = match entry.scale() {
            // Scales are stored in thousandths: twelve and a half per cent is one of them.
            Some(scale) => format!("scale {}%", (scale * 1000.0).round() / 10.0),
            None => {
                let period = entry.refill_period().map(|period| period.as_secs());
                let fields = [
                    ("capacity", entry.capacity()),
                    ("refill_amount", entry.refill_amount()),
                    ("refill_period_seconds", period),
                ];
                let named = fields
                    .into_iter()
                    .filter_map(|(name, value)| Some(format!("{name} {}", thousands(value?))));
                named.collect::<Vec<_>>().join(", ")
            }
        };
        let (cron, zone) = (entry.cron(), schedule.zone());
        lines.push(format!("    \"{cron}\" {zone}  → {effect}"));
    }
    lines
}

fn numbers(limit: &Limit) -> String {
    let (name, capacity) = (limit.name(), thousands(limit.capacity()));
    let resets = match limit.renewal() {
        None => None,
        Some(Renewal::Calendar(calendar)) => {
            let schedule = calendar.schedule();
            let crons = schedule
                .crons()
                .map(|cron| format!("{cron:?} {}", schedule.zone()));
            Some(crons.collect::<Vec<_>>().join(", "))
        }
        Some(Renewal::Session(length)) => {
            let length = Duration::from_millis(u64::try_from(*length).unwrap_or(0));
            Some(format!("{} after first use", duration(length)))
        }
        Some(_) => Some("by a rule that this version does not know".into()),
    };
    if let Some(resets) = resets {
        return format!("{name}: {capacity} quota (resets {resets})");
    }
    let rate = thousands(limit.refill_amount());
    let burst = if limit.capacity() == limit.refill_amount() {
        String::new()
    } else {
        format!(" (burst: {capacity})")
    };
    format!("{name}: {rate}/{}{burst}", period(limit.refill_period()))
}

/// Describes a period in its largest unit: `min`, `2day`.
pub(crate) fn period(period: Duration) -> String {
    let millis = period.as_millis();
    for (unit, length) in [
        ("day", 86_400_000),
        ("hour", 3_600_000),
        ("min", 60_000),
        ("sec", 1000),
    ] {
        if millis.is_multiple_of(length) {
            return match millis / length {
                1 => unit.to_owned(),
                count => format!("{count}{unit}"),
            };
        }
    }
    format!("{millis}ms")
}

/// Describes a duration: `1d2h3m4s`.
fn duration(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] {
        if left >= length {
            text += &format!("{}{unit}", left / length);
            left %= length;
        }
    }
    text
}

/// Writes a number with commas: `1,000`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use tollgate::model::{Schedule, ScheduleEntry};

    use super::*;

    #[test]
    fn limits_are_printed_as_the_peer_prints_them() {
        for (limit, text) in [
            (Limit::per_minute("rpm", 1000), "rpm: 1,000/min"),
            (
                Limit::per_minute("rpm", 1000).with_burst(2000),
                "rpm: 1,000/min (burst: 2,000)",
            ),
            (
                Limit::new("t", 5, 5, Duration::from_secs(172_800)).unwrap(),
                "t: 5/2day",
            ),
            (Limit::per_second("t", 1_234_567), "t: 1,234,567/sec"),
            (Limit::per_second("t", 5).soft(), "t: 5/sec (soft)"),
            (
                Limit::quota("daily", 100).daily("UTC").unwrap(),
                "daily: 100 quota (resets \"0 0 * * *\" UTC)",
            ),
            (
                Limit::quota("s", 50)
                    .session(Duration::from_secs(93_784))
                    .unwrap(),
                "s: 50 quota (resets 1d2h3m4s after first use)",
            ),
        ] {
            assert_eq!(describe(&limit), text);
        }
    }

    #[test]
    fn a_schedule_is_printed_below_its_limit() {
        let half = ScheduleEntry::scaled("0-29 9-17 * * *", 0.125).unwrap();
        let night = ScheduleEntry::replaced("* 0-5 * * *", Some(5000), Some(1), None).unwrap();
        let schedule = Schedule::new([half, night], "Europe/Berlin").unwrap();
        let limit = Limit::per_minute("rpm", 10)
            .with_schedule(schedule)
            .unwrap();
        let lines = [
            "  Schedule:",
            "    \"0-29 9-17 * * *\" Europe/Berlin  → scale 12.5%",
            "    \"* 0-5 * * *\" Europe/Berlin  → capacity 5,000, refill_amount 1",
        ];
        assert_eq!(super::schedule(&limit), lines);
        assert!(super::schedule(&Limit::per_minute("rpm", 10)).is_empty());
    }
}
