//! Ticks of times, in UTC.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use super::tick::Tick;

/// Distances of ticks up to a day, in seconds. Each divides a day.
const CLOCK: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 10_800.0,
    21_600.0, 43_200.0,
];

const DAY: f64 = 86_400.0;

/// Distances of ticks in days. The ticks of a month begin at its first day.
const DAYS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// Distances of ticks in months. Those below a year divide it.
const MONTHS: [u16; 9] = [1, 2, 3, 6, 12, 24, 60, 120, 1200];

/// Returns at most about `most` ticks between two times, epoch seconds. A label that is below the
/// first one is repeated only if it changes.
pub(super) fn ticks(from: f64, to: f64, most: usize) -> Vec<Tick> {
    let most = u32::try_from(most.max(1)).map_or(1.0, f64::from);
    let fits = |step: f64| (to - from) / step <= most;
    if let Some(step) = CLOCK.into_iter().find(|step| fits(*step)) {
        let (label, below) = if step < 60.0 {
            ("%H:%M:%S", "%b %-d, %Y")
        } else {
            ("%H:%M", "%b %-d, %Y")
        };
        return labelled(regular(from, to, step), label, below);
    }
    if let Some(days) = DAYS.into_iter().find(|days| fits(days * DAY)) {
        let mut times = regular(from, to, DAY);
        times.retain(|time| is_tick(*time, days));
        return labelled(times, "%b %-d", "%Y");
    }
    let months = MONTHS
        .into_iter()
        .find(|months| fits(f64::from(*months) * 30.0 * DAY));
    let months = months.unwrap_or(1200);
    let form = if months < 12 {
        ("%b", "%Y")
    } else {
        ("%Y", "")
    };
    labelled(monthly(from, to, months), form.0, form.1)
}

fn regular(from: f64, to: f64, step: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut time = (from / step).ceil() * step;
    while time <= to {
        times.push(time);
        time += step;
    }
    times
}

/// Returns true if the day has a tick: every `days` days from the first of the month on, but not so
/// late that the next month's first one would be too near.
fn is_tick(time: f64, days: f64) -> bool {
    let Some(date) = datetime(time) else {
        return false;
    };
    let day = f64::from(date.day()) - 1.0;
    let last = f64::from(date.days_in_month()) - days / 2.0;
    day % days == 0.0 && (day == 0.0 || day <= last)
}

/// Returns the first day of every `months`-th month. Months are counted from the year 0, so a step of
/// whole years begins at a multiple of them.
fn monthly(from: f64, to: f64, months: u16) -> Vec<f64> {
    let mut times = Vec::new();
    let Some(first) = datetime(from) else {
        return times;
    };
    let step = i32::from(months);
    let month = i32::from(first.year()) * 12 + i32::from(first.month()) - 1;
    let mut month = month.div_euclid(step) * step;
    while let Some(time) = first_of(month) {
        if time > to {
            break;
        }
        if time >= from {
            times.push(time);
        }
        month += step;
    }
    times
}

/// Returns the beginning of a month, counted from January of the year 0.
fn first_of(month: i32) -> Option<f64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let date = jiff::civil::Date::new(year, month, 1).ok()?;
    let time = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(seconds(time))
}

fn labelled(times: Vec<f64>, label: &str, below: &str) -> Vec<Tick> {
    let mut last = String::new();
    let mut ticks = Vec::new();
    for time in times {
        let Some(date) = datetime(time) else { continue };
        let mut second = date.strftime(below).to_string();
        if second == last {
            second.clear();
        } else {
            last.clone_from(&second);
        }
        ticks.push(Tick {
            value: time,
            label: date.strftime(label).to_string(),
            below: second,
        });
    }
    ticks
}

/// Returns a time in UTC, of epoch seconds.
fn datetime(time: f64) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(timestamp(time)?))
}

/// Returns the time of epoch seconds, cut to the millisecond. `None` if the calendar has no such
/// time.
#[expect(clippy::cast_possible_truncation, reason = "a cast to i64 saturates")]
pub(super) fn timestamp(time: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((time * 1000.0).round() as i64).ok()
}

#[expect(clippy::cast_precision_loss, reason = "epoch seconds are below 2^53")]
fn seconds(time: Timestamp) -> f64 {
    time.as_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-31T00:00:00Z.
    const DATE: f64 = 1_769_817_600.0;

    fn labels(from: f64, length: f64, most: usize) -> Vec<String> {
        let ticks = ticks(from, from + length, most);
        assert!(ticks.len() <= most + 2, "{ticks:?}");
        let label = |tick: Tick| format!("{} {}", tick.label, tick.below);
        ticks
            .into_iter()
            .map(|tick| label(tick).trim().to_owned())
            .collect()
    }

    #[test]
    fn ticks_are_round_times() {
        assert_eq!(
            labels(DATE + 1.5, 3.0, 4),
            ["00:00:02 Jan 31, 2026", "00:00:03", "00:00:04"]
        );
        assert_eq!(
            labels(DATE - 7200.0, 4.0 * 3600.0, 4),
            [
                "22:00 Jan 30, 2026",
                "23:00",
                "00:00 Jan 31, 2026",
                "01:00",
                "02:00"
            ]
        );
        assert_eq!(
            labels(DATE - DAY, 3.0 * DAY, 4),
            ["Jan 30 2026", "Jan 31", "Feb 1", "Feb 2"]
        );
        assert_eq!(
            labels(DATE, 30.0 * DAY, 7),
            [
                "Feb 1 2026",
                "Feb 6",
                "Feb 11",
                "Feb 16",
                "Feb 21",
                "Feb 26",
                "Mar 1"
            ]
        );
        assert_eq!(
            labels(DATE - 90.0 * DAY, 180.0 * DAY, 8),
            ["Dec 2025", "Jan 2026", "Feb", "Mar", "Apr", "May"]
        );
        assert_eq!(
            labels(DATE, 365.0 * 5.0 * DAY, 6),
            ["2027", "2028", "2029", "2030", "2031"]
        );
    }
}
