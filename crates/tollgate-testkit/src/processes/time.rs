//! True times, in epoch microseconds of the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time.
pub(super) fn now() -> i64 {
    micros(SystemTime::now())
}

/// Converts a time to microseconds since the epoch.
pub(super) fn micros(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or(0)
}
