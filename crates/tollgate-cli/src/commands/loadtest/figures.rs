//! Figures as people read them.

use std::time::Duration;

/// Formats a time: `1.23 ms`, `45.6 µs`, `2.10 s`.
pub(super) fn millis(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        1.0.. => (seconds, "s"),
        0.001.. => (seconds * 1e3, "ms"),
        _ => (seconds * 1e6, "µs"),
    };
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

/// Formats a part: `1.50 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let share = part as f64 / whole.max(1) as f64;
    percent_of(share)
}

/// Formats a share of 1: `1.50 %`.
pub(super) fn percent_of(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 100.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.2} %")
    }
}

/// Returns a number with its noun: `1 call`, `2 calls`.
pub(super) fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        for (nanos, text) in [
            (0, "0.00 µs"),
            (1_500, "1.50 µs"),
            (45_600, "45.6 µs"),
            (1_234_567, "1.23 ms"),
            (250_000_000, "250 ms"),
            (2_100_000_000, "2.10 s"),
        ] {
            assert_eq!(millis(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(percent(1, 8), "12.50 %");
        assert_eq!(
            (percent(0, 0).as_str(), percent(3, 3).as_str()),
            ("0 %", "100 %")
        );
    }
}
