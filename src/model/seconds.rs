//! Times in whole seconds, as the table stores them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Returns the time that is `seconds` after the epoch, or before it if they are negative. A time
/// that this platform cannot express becomes the epoch.
pub(crate) fn from_seconds(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// Returns the time that is `millis` milliseconds after the epoch, rounded down to seconds.
pub(crate) fn from_millis(millis: i64) -> SystemTime {
    from_seconds(millis.div_euclid(1000))
}

/// Returns the epoch seconds of a time, rounded down.
pub(crate) fn to_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -whole.saturating_add(i64::from(before.subsec_nanos() > 0))
        }
    }
}

/// Writes a time as epoch seconds, for `#[serde(with)]`.
pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to_seconds(*time).serialize(to)
}

/// Reads a time from epoch seconds, for `#[serde(with)]`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
    i64::deserialize(from).map(from_seconds)
}

/// Writes and reads a time that may be unknown: `null`, or epoch seconds.
pub(super) mod optional {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(to_seconds).serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(from_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_down() {
        for seconds in [-1_767_225_600, -1, 0, 1, 1_767_225_600] {
            assert_eq!(to_seconds(from_seconds(seconds)), seconds);
        }
        let half = Duration::from_millis(500);
        assert_eq!(to_seconds(UNIX_EPOCH + half), 0);
        assert_eq!(to_seconds(UNIX_EPOCH - half), -1);
        assert_eq!(to_seconds(from_millis(-1)), -1);
        assert_eq!(to_seconds(from_millis(1999)), 1);
    }
}
