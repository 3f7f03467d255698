//! Times as the dialects write them, always rounded up.

use std::time::Duration;

use crate::model::rfc3339;

/// Returns whole seconds, rounded up.
pub(crate) fn seconds_up(time: Duration) -> i64 {
    i64::try_from(
        time.as_secs()
            .saturating_add(u64::from(time.subsec_nanos() > 0)),
    )
    .unwrap_or(i64::MAX)
}

/// Returns whole milliseconds, rounded up.
pub(crate) fn millis_up(time: Duration) -> i64 {
    let millis = time.as_nanos().div_ceil(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Returns the time that is `after` later than `now` (epoch ms), in epoch seconds, rounded up.
pub(super) fn unix_time(now: i64, after: Duration) -> i64 {
    let millis = now.saturating_add(millis_up(after));
    millis
        .div_euclid(1000)
        .saturating_add(i64::from(millis.rem_euclid(1000) > 0))
}

/// Returns the same time as [`unix_time`], in the format of RFC 3339.
pub(super) fn timestamp(now: i64, after: Duration) -> String {
    rfc3339(unix_time(now, after))
}

/// Returns a duration as Go writes it: `120ms`, `1s`, `6m0s`, `1h0m0s`. From one second on, it is
/// rounded up to whole seconds.
pub(crate) fn go_duration(time: Duration) -> String {
    if time.is_zero() {
        return "0s".to_owned();
    }
    let millis = millis_up(time);
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let seconds = seconds_up(time);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_never_shorter_than_they_are() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (120, "120ms"),
            (999, "999ms"),
            (1000, "1s"),
            (1001, "2s"),
            (59_001, "1m0s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
            (90_061_000, "25h1m1s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(go_duration(Duration::from_nanos(1)), "1ms");
        assert_eq!(go_duration(Duration::from_nanos(999_000_001)), "1s");
        assert_eq!(go_duration(Duration::MAX), "2562047788015215h30m7s");
    }

    #[test]
    fn times_are_never_earlier_than_they_are() {
        assert_eq!(unix_time(1_000, Duration::from_millis(1)), 2);
        assert_eq!(unix_time(1_000, Duration::from_millis(1000)), 2);
        assert_eq!(unix_time(1_999, Duration::ZERO), 2);
        assert_eq!(unix_time(-1_500, Duration::ZERO), -1);
        assert_eq!(
            timestamp(1_700_000_000_001, Duration::from_secs(59)),
            "2023-11-14T22:14:20Z"
        );
        assert_eq!(timestamp(i64::MAX, Duration::MAX), "9999-12-31T23:59:59Z");
    }
}
