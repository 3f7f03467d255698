//! Days, months and years of the proleptic Gregorian calendar. Times are epoch seconds.

pub(super) const DAY: i64 = 86_400;

/// The last second that RFC 3339 can express, in the year 9999.
const LAST: i64 = 253_402_300_799;

/// Returns the first second of the month after the month of `seconds`.
pub(super) fn next_month(seconds: i64) -> i64 {
    let (year, month) = month_of(seconds.div_euclid(DAY));
    let (year, month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    first_day(year, month).saturating_mul(DAY)
}

/// Returns the month (1 to 12) and the day of the month (from 1) of a day since the epoch.
pub(super) fn month_and_day(day: i64) -> (i64, i64) {
    let (year, month) = month_of(day);
    (month, day - first_day(year, month) + 1)
}

/// Returns the year and the month (1 to 12) of a day since the epoch.
fn month_of(day: i64) -> (i64, i64) {
    // Here, years begin in March, so that the leap day is the last day. An era has 400 years.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month)
}

/// Returns the first day of a month, in days since the epoch.
fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5;
    era * 146_097 + day - 719_468
}

/// Formats a time as RFC 3339 in UTC. A time that it cannot express becomes the nearest one that it
/// can.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST);
    let (day, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month) = month_of(day);
    let day = day - first_day(year, month) + 1;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_the_format_of_the_peer() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (-5, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }
}
