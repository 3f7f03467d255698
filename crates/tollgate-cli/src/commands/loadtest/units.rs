//! Durations, rates, amounts and shares as arguments.

use std::{ops::RangeInclusive, time::Duration};

use tollgate::LimitName;

/// The units of durations, in milliseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// The longest duration: a week.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// The highest rate, calls a second.
const HIGHEST: f64 = 10_000_000.0;

/// Reads a duration: `50ms`, `30s`, `5m`, `1h`; a number alone is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "it must be a whole number with ms, s, m or h, such as 30s";
    let end = text.find(|digit: char| !digit.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = if unit.is_empty() { "s" } else { unit };
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(WRONG)?;
    let number: u64 = number.parse().map_err(|_| WRONG)?;
    let time = Duration::from_millis(number.saturating_mul(*millis));
    if time > LONGEST {
        return Err("it must be a week at most");
    }
    Ok(time)
}

/// Reads a duration that is not 0.
pub(super) fn positive(text: &str) -> Result<Duration, &'static str> {
    match duration(text)? {
        Duration::ZERO => Err("it must be more than 0"),
        time => Ok(time),
    }
}

/// Reads a rate: calls a second.
pub(super) fn rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= HIGHEST => Ok(rate),
        _ => Err("it must be a number of calls a second, above 0 and at most 10000000"),
    }
}

/// Reads a number of percent.
pub(super) fn percent(text: &str) -> Result<f64, &'static str> {
    match text.strip_suffix('%').unwrap_or(text).parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be a number of percent, from 0 to 100"),
    }
}

/// Reads a range of tokens: `500`, or `100-1000`.
pub(super) fn range(text: &str) -> Result<RangeInclusive<u64>, &'static str> {
    const WRONG: &str = "it must be a number of tokens, or a range such as 100-1000";
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.parse::<u64>().map_err(|_| WRONG);
    let range = number(least)?..=number(most)?;
    if range.is_empty() {
        return Err("a range begins with its smaller number");
    }
    Ok(range)
}

/// Reads a cost: `tpm:500`, or `tpm:100-1000`.
pub(super) fn cost(text: &str) -> Result<(LimitName, RangeInclusive<u64>), String> {
    let (name, tokens) = text
        .split_once(':')
        .ok_or("a colon is missing: LIMIT:TOKENS")?;
    let name: LimitName = name.parse().map_err(|error| format!("{error}"))?;
    Ok((name, range(tokens)?))
}

/// Reads a part of several: `0/4`.
pub(super) fn part(text: &str) -> Result<(u32, u32), &'static str> {
    const WRONG: &str = "it must be a part of several, such as 0/4";
    let (index, of) = text.split_once('/').ok_or(WRONG)?;
    match (index.parse(), of.parse()) {
        (Ok(index), Ok(of)) if index < of => Ok((index, of)),
        _ => Err(WRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("30s", 30_000),
            ("2", 2000),
            ("50ms", 50),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "8d",
            "99999999999999999999s",
            "169h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(positive("0s").is_err());
    }

    #[test]
    fn rates_and_ranges_have_bounds() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["", "0", "-1", "nan", "inf", "1e9", "ten"] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert_eq!(range("5"), Ok(5..=5));
        assert_eq!(range("1-9"), Ok(1..=9));
        for text in ["", "-", "1-", "9-1", "a", "-5"] {
            assert!(range(text).is_err(), "{text}");
        }
        assert!(cost("tpm:1-9").is_ok() && cost("tpm").is_err() && cost("9:1").is_err());
        assert_eq!(part("0/4"), Ok((0, 4)));
        assert!(part("4/4").is_err() && part("1").is_err());
    }
}
