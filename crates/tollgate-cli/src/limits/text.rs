//! Prints limits as the Python command does.

use std::time::Duration;

use tollgate::{Limit, model::Renewal};

/// Describes a limit: `rpm: 1,000/min (burst: 2,000)`.
pub(crate) fn describe(limit: &Limit) -> String {
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

fn thousands(number: u64) -> String {
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
}
