//! The windows of time that consumption is counted in.

use jiff::{Timestamp, tz::Offset};
use tollgate::model::UsageWindow;

/// A window that snapshots are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WindowLength {
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
    /// A calendar month, UTC.
    Month,
}

impl WindowLength {
    /// Returns the length's word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Month => "monthly",
        }
    }

    /// Returns the window in which a time lies. Times before 1970 or after the year 9999 belong to the
    /// nearest window.
    pub fn at(self, seconds: i64) -> Window {
        let seconds = seconds.clamp(FIRST, LAST);
        let start = match self {
            Self::Hour => seconds - seconds % 3600,
            Self::Day => seconds - seconds % 86_400,
            Self::Month => first_of_month(seconds),
        };
        Window {
            length: self,
            start,
        }
    }
}

/// Epoch seconds of the first and the last second that have windows. The last one is near the end of
/// the year 9999, and the last that `jiff` knows.
const FIRST: i64 = 0;
const LAST: i64 = 253_402_207_200;

fn first_of_month(seconds: i64) -> i64 {
    let start = Timestamp::from_second(seconds).and_then(|time| {
        let date = Offset::UTC.to_datetime(time).date();
        Offset::UTC.to_timestamp(date.first_of_month().at(0, 0, 0, 0))
    });
    start.map_or(seconds, Timestamp::as_second)
}

/// A window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The length.
    pub length: WindowLength,
    /// The first second, epoch seconds.
    pub start: i64,
}

impl Window {
    /// Returns the first second as the table spells it: `2026-01-31T14:00:00Z`.
    pub fn start_text(&self) -> String {
        let start = Timestamp::from_second(self.start).unwrap_or(Timestamp::UNIX_EPOCH);
        start.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Returns the end of the window's sort key: the full time for an hour, the date for a day, the
    /// month for a month. So windows that begin at the same time have keys of their own.
    pub fn key(&self) -> String {
        let mut text = self.start_text();
        match self.length {
            WindowLength::Hour => {}
            WindowLength::Day => text.truncate("2026-01-31".len()),
            WindowLength::Month => text.truncate("2026-01".len()),
        }
        text
    }

    /// Returns the first second after the window, epoch seconds.
    pub fn end(&self) -> i64 {
        let window = match self.length {
            WindowLength::Hour => UsageWindow::Hourly,
            WindowLength::Day => UsageWindow::Daily,
            WindowLength::Month => UsageWindow::Monthly,
        };
        let start = u64::try_from(self.start).unwrap_or(0);
        let start = std::time::UNIX_EPOCH + std::time::Duration::from_secs(start);
        let end = window.end(start).duration_since(std::time::UNIX_EPOCH);
        end.map_or(self.start, |end| {
            i64::try_from(end.as_secs()).unwrap_or(i64::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-31T14:15:16Z.
    const TIME: i64 = 1_769_868_916;

    #[test]
    fn windows_of_the_same_beginning_have_keys_of_their_own() {
        let keys = |seconds| {
            [WindowLength::Hour, WindowLength::Day, WindowLength::Month]
                .map(|length| (length.at(seconds).key(), length.at(seconds).start_text()))
        };
        let pair = |key: &str, start: &str| (key.to_owned(), start.to_owned());
        assert_eq!(
            keys(TIME),
            [
                pair("2026-01-31T14:00:00Z", "2026-01-31T14:00:00Z"),
                pair("2026-01-31", "2026-01-31T00:00:00Z"),
                pair("2026-01", "2026-01-01T00:00:00Z"),
            ]
        );
        // The first second of a month.
        assert_eq!(
            keys(1_769_904_000),
            [
                pair("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"),
                pair("2026-02-01", "2026-02-01T00:00:00Z"),
                pair("2026-02", "2026-02-01T00:00:00Z"),
            ]
        );
        // The last one.
        assert_eq!(keys(1_769_903_999)[0].0, "2026-01-31T23:00:00Z");
    }

    #[test]
    fn windows_end_where_the_next_one_begins() {
        for length in [WindowLength::Hour, WindowLength::Day, WindowLength::Month] {
            let window = length.at(TIME);
            assert!(window.start <= TIME && TIME < window.end());
            assert_eq!(length.at(window.end()).start, window.end());
            assert_eq!(length.at(window.end() - 1), window);
        }
    }

    #[test]
    fn times_outside_of_the_calendar_have_the_nearest_window() {
        assert_eq!(WindowLength::Day.at(i64::MIN).key(), "1970-01-01");
        assert_eq!(WindowLength::Month.at(i64::MAX).key(), "9999-12");
    }
}
