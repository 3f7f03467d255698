//! Reads `name:rate[/period][:burst]`.

use std::time::Duration;

use tollgate::{Limit, LimitName};

/// The units of a period, in seconds.
const UNITS: [(&str, u64); 4] = [("sec", 1), ("min", 60), ("hour", 3600), ("day", 86_400)];

/// Reads a limit: `name:rate[/period][:burst]`. The period is `/sec`, `/min`, `/hour` or `/day`,
/// with an optional count (`/2day`); `/min` by default. The burst is the rate by default.
///
/// # Errors
/// A sentence that names the part which is wrong, and the character at which it begins.
pub(crate) fn parse(text: &str) -> Result<Limit, String> {
    let (name, rest) = part(text, 0);
    let Some(rate_at) = rest else {
        return Err(format!(
            "a rate is missing at character {}: name:rate[/period][:burst]",
            text.chars().count() + 1
        ));
    };
    let (rate, rest) = part(text, rate_at);
    let burst = match rest {
        None => None,
        Some(at) => match part(text, at) {
            (burst, None) => Some((burst, at)),
            (_, Some(more)) => {
                return Err(format!(
                    "{:?} at character {} is one part too many: name:rate[/period][:burst]",
                    &text[more..],
                    place(text, more)
                ));
            }
        },
    };
    let named = name
        .parse::<LimitName>()
        .map_err(|error| format!("at character 1: {error}"))?;
    let (rate, period) = match rate.split_once('/') {
        None => (rate, Duration::from_secs(60)),
        Some((rate, period)) => {
            let at = place(text, rate_at + rate.len() + 1);
            (rate, read_period(period, at)?)
        }
    };
    let rate = number("rate", rate, place(text, rate_at))?;
    let capacity = match burst {
        None => rate,
        Some((burst, at)) => number("burst", burst, place(text, at))?,
    };
    Limit::new(named, capacity, rate, period).map_err(|error| error.to_string())
}

/// Returns the part of `text` that begins at byte `from`, and the byte after its colon.
fn part(text: &str, from: usize) -> (&str, Option<usize>) {
    match text[from..].find(':') {
        Some(length) => (&text[from..from + length], Some(from + length + 1)),
        None => (&text[from..], None),
    }
}

/// Returns the number of the character at byte `at`, from 1.
fn place(text: &str, at: usize) -> usize {
    text[..at].chars().count() + 1
}

fn number(what: &str, text: &str, at: usize) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "the {what} {text:?} at character {at} is not a whole number"
        ));
    }
    text.parse()
        .map_err(|_| format!("the {what} {text:?} at character {at} is too large"))
}

fn read_period(text: &str, at: usize) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let Some((_, seconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!(
            "the period {text:?} at character {at} is none: /sec, /min, /hour, /day, or a count such as /2day"
        ));
    };
    let count = if count.is_empty() {
        1
    } else {
        number("count", count, at)?
    };
    let seconds = count
        .checked_mul(*seconds)
        .ok_or_else(|| format!("the period {text:?} at character {at} is too long"))?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        for (text, capacity, amount, seconds) in [
            ("rpm:100", 100, 100, 60),
            ("rpm:100:250", 250, 100, 60),
            ("rps:5/sec", 5, 5, 1),
            ("a.b-c_d:7/2day:9", 9, 7, 172_800),
            ("tph:1/30min", 1, 1, 1800),
            ("tph:1/1hour:1", 1, 1, 3600),
        ] {
            let limit = parse(text).unwrap();
            assert_eq!(
                (
                    limit.capacity(),
                    limit.refill_amount(),
                    limit.refill_period().as_secs()
                ),
                (capacity, amount, seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_names_the_part_and_its_place() {
        for (text, error) in [
            (
                "rpm",
                "a rate is missing at character 4: name:rate[/period][:burst]",
            ),
            ("rpm:", "the rate \"\" at character 5 is not a whole number"),
            (
                "rpm:1e3",
                "the rate \"1e3\" at character 5 is not a whole number",
            ),
            (
                "rpm:-1",
                "the rate \"-1\" at character 5 is not a whole number",
            ),
            (
                "rpm:10:",
                "the burst \"\" at character 8 is not a whole number",
            ),
            (
                "rpm:10:5:1",
                "\"1\" at character 10 is one part too many: name:rate[/period][:burst]",
            ),
            (
                "rpm:10/week",
                "the period \"week\" at character 8 is none: /sec, /min, /hour, /day, or a count such as /2day",
            ),
            (
                "rpm:10/",
                "the period \"\" at character 8 is none: /sec, /min, /hour, /day, or a count such as /2day",
            ),
            (
                "rpm:99999999999999999999",
                "the rate \"99999999999999999999\" at character 5 is too large",
            ),
            (
                "rpm:1/99999999999999999999day",
                "the count \"99999999999999999999\" at character 7 is too large",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), error, "{text}");
        }
        for refused in [
            "rpm:0",
            "rpm:1:0",
            "rpm:1/0sec",
            "wcu:1",
            "9a:1",
            ":1",
            "rpm:9999999999999999",
            "é:x",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
