//! The time between two looks, as an argument.

use std::time::Duration;

/// Reads the time between two looks: at least a tenth of a second.
pub(super) fn interval(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "it must be a number with ms, s or m, such as 2s";
    let end = text.find(|digit: char| !digit.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    let millis = match unit {
        "ms" => Some(number),
        "s" | "" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    match millis.ok_or(WRONG)? {
        100..=86_400_000 => Ok(Duration::from_millis(millis.unwrap_or_default())),
        _ => Err("it must be between 100ms and a day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units_and_bounds() {
        for (text, millis) in [("2s", 2000), ("2", 2000), ("500ms", 500), ("3m", 180_000)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "99ms",
            "2d",
            "99999999999999999999",
            "1441m",
        ] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
