//! True times: epoch microseconds of the system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now.
pub(super) fn now() -> i64 {
    micros(SystemTime::now())
}

/// A time, as microseconds since the epoch.
pub(super) fn micros(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0)
}
