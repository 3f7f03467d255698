//! Times as people read them: RFC 3339, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Formats a time to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "?".into(), |time| time.to_string())
}

/// Formats epoch milliseconds.
pub(crate) fn of_millis(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

/// Returns the current time of this machine, epoch ms.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Returns epoch seconds.
pub(crate) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Reads an RFC 3339 time from the arguments, or a date, which begins at midnight UTC.
pub(crate) fn parse(text: &str) -> Result<SystemTime, String> {
    let midnight = || format!("{text}T00:00:00Z").parse();
    let time: Timestamp = text
        .parse()
        .or_else(|_| midnight())
        .map_err(|_| "it must be a date, or a time such as 2026-01-31T00:00:00Z")?;
    let seconds = u64::try_from(time.as_second()).map_err(|_| "it is before 1970".to_owned())?;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    time.ok_or_else(|| "it is too late".to_owned())
}
