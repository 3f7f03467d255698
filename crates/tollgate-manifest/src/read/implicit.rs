//! Plain texts that are something else for readers of YAML 1.1.
//!
//! The Python client reads files with PyYAML. These are the forms of its resolver: a name in one of
//! them becomes a number, a truth value, nothing or a time, and another name when it is a text again.

/// Returns the truth value that a plain text stands for.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Returns true if a plain text is something else than its text. A whole number such as `12345`
/// counts as its text, which it becomes again.
pub(crate) fn is_misread(text: &str) -> bool {
    truth(text).is_some()
        || matches!(text, "" | "~" | "null" | "Null" | "NULL")
        || is_whole(text)
        || is_fraction(text)
        || is_time(text)
}

/// Returns true for `0b1`, `0x1F`, `010`, `1_000`, `12:30` and the like.
fn is_whole(text: &str) -> bool {
    let has_sign = text.starts_with(['-', '+']);
    let digits = text.trim_start_matches(['-', '+']);
    if text.len() - digits.len() > 1 {
        return false;
    }
    let all = |text: &str, fits: fn(u8) -> bool| !text.is_empty() && text.bytes().all(fits);
    if let Some(digits) = digits.strip_prefix("0b") {
        return all(digits, |byte| matches!(byte, b'0' | b'1' | b'_'));
    }
    if let Some(digits) = digits.strip_prefix("0x") {
        return all(digits, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    // Readers of YAML 1.2 read `08` as a number too.
    if let Some(digits) = digits.strip_prefix('0') {
        return all(digits, digit_or_line);
    }
    let Some(rest) = number(digits) else {
        return false;
    };
    match sixties(rest) {
        Some(rest) => rest.is_empty(),
        None => rest.is_empty() && (has_sign || digits.contains('_')),
    }
}

/// Returns true for `1.5`, `1.`, `1.5e-3`, `1:30.5`, `.inf`, `.nan` and the like.
fn is_fraction(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(rest) = text.strip_prefix('.') {
        return number(rest).is_some_and(is_exponent);
    }
    let Some(rest) = number(unsigned) else {
        return false;
    };
    if let Some(rest) = sixties(rest) {
        let fraction = rest.strip_prefix('.');
        return fraction.is_some_and(|fraction| fraction.bytes().all(digit_or_line));
    }
    let fraction = rest.strip_prefix('.');
    fraction.is_some_and(|fraction| is_exponent(skipped(fraction, digit_or_line)))
}

/// Returns true for `2026-01-31`, `2026-1-31T9:30:00Z` and the like.
fn is_time(text: &str) -> bool {
    time(text).is_some_and(str::is_empty)
}

/// Returns what follows a date, or a date and a time.
fn time(text: &str) -> Option<&str> {
    let year = digits(text, 4, 4)?.strip_prefix('-')?;
    let day = digits(year, 1, 2)?.strip_prefix('-')?;
    let rest = digits(day, 1, 2)?;
    if rest.is_empty() {
        return (text.len() == "2026-01-31".len()).then_some(rest);
    }
    let spaces = |text| skipped(text, |byte| matches!(byte, b' ' | b'\t'));
    let hour = match rest.strip_prefix(['T', 't']) {
        Some(hour) => hour,
        None => Some(spaces(rest)).filter(|hour| *hour != rest)?,
    };
    let minute = digits(hour, 1, 2)?.strip_prefix(':')?;
    let second = digits(minute, 2, 2)?.strip_prefix(':')?;
    let rest = digits(second, 2, 2)?;
    let rest = rest.strip_prefix('.').map_or(rest, |fraction| {
        skipped(fraction, |byte| byte.is_ascii_digit())
    });
    let zone = spaces(rest);
    if let Some(rest) = zone.strip_prefix('Z') {
        return Some(rest);
    }
    let Some(zone) = zone.strip_prefix(['-', '+']) else {
        return Some(rest);
    };
    let rest = digits(zone, 1, 2)?;
    match rest.strip_prefix(':') {
        Some(minutes) => digits(minutes, 2, 2),
        None => Some(rest),
    }
}

fn digit_or_line(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'_'
}

/// Returns the text behind its first bytes that fit.
fn skipped(text: &str, fits: impl Fn(u8) -> bool) -> &str {
    let end = text.bytes().position(|byte| !fits(byte));
    end.and_then(|end| text.get(end..)).unwrap_or_default()
}

/// Returns the text behind a digit, and more digits and underscores.
fn number(text: &str) -> Option<&str> {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit());
    is_number.then(|| skipped(text, digit_or_line))
}

/// Returns the text behind `least` to `most` digits.
fn digits(text: &str, least: usize, most: usize) -> Option<&str> {
    let there = text.bytes().take(most).take_while(u8::is_ascii_digit);
    let there = there.count();
    (there >= least).then(|| text.get(there..))?
}

/// Returns the text behind one or more parts such as `:30`.
fn sixties(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(part) = rest.strip_prefix(':') {
        let tens = part.starts_with(|first| ('0'..='5').contains(&first));
        rest = digits(part, 1, if tens { 2 } else { 1 })?;
    }
    (rest != text).then_some(rest)
}

/// Returns true for nothing, and for `e-3` and the like.
fn is_exponent(text: &str) -> bool {
    let Some(exponent) = text.strip_prefix(['e', 'E']) else {
        return text.is_empty();
    };
    let digits = exponent.strip_prefix(['-', '+']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    // PyYAML 6.0.4 reads each but `08` as no text.
    #[test]
    fn texts_that_others_read_as_something_else_are_known() {
        for text in [
            "yes",
            "On",
            "off",
            "FALSE",
            "null",
            "~",
            "",
            "010",
            "08",
            "0_1",
            "+1",
            "-1",
            "1_0",
            "1_",
            "0b1",
            "0b1_0",
            "0b_",
            "0x1",
            "0x1F",
            "0x_1",
            "-0x1f",
            "12:30",
            "1_2:3:59",
            "1.",
            "1.5",
            "1_0.5_0",
            "-1.5",
            "1.5e-3",
            "1.5E+10",
            ".5",
            ".5e+1",
            "1:30.5",
            "08:30.",
            ".inf",
            "-.Inf",
            "+.INF",
            ".nan",
            ".NaN",
            "2026-01-31",
            "2026-1-3T9:30:00",
            "2026-1-3t09:30:00.5Z",
            "2026-01-31  9:30:00 +1",
            "2026-01-31 09:30:00-01:30",
        ] {
            assert!(is_misread(text), "{text}");
        }
    }

    #[test]
    fn texts_that_stay_texts_are_known() {
        for text in [
            "0",
            "12345",
            "user-1",
            "1a",
            "12-3",
            "7:a",
            "203.0.113.7",
            "y",
            "n",
            "oN",
            "nUll",
            "0b",
            "0b2",
            "0x",
            "0xg",
            "0o17",
            "7:61",
            "12:3:60",
            "1e3",
            "1.5e3",
            "1.5e",
            "1.2.3",
            "._1",
            "+.nan",
            ".infinity",
            "--1",
            "2026-1-31",
            "2026-01",
            "26-01-31",
            "2026-01-31T",
            "2026-01-31T9:3:00",
            "2026-01-31T9:30:00X",
            "2026-01-31T9:30:00+1:3",
            "_1",
            "1-2-3",
        ] {
            assert!(!is_misread(text), "{text}");
        }
    }
}
