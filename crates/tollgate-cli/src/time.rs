//! Times as people read them: RFC 3339, in UTC.

use std::time::SystemTime;

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
