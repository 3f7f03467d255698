//! Numbers as people read them.

/// The names of large numbers, the largest first.
const NAMES: [(f64, &str); 5] = [
    (1e18, "quintillion"),
    (1e15, "quadrillion"),
    (1e12, "trillion"),
    (1e9, "billion"),
    (1e6, "million"),
];

/// Returns the unit in which numbers up to `most` are short: its size, and its name.
pub(super) fn unit_for(most: f64) -> (f64, &'static str) {
    if most < 1e7 {
        return (1.0, "");
    }
    let mut fitting = NAMES.into_iter().filter(|(size, _)| most >= *size);
    fitting.next().unwrap_or((1.0, ""))
}

/// Writes a whole number with commas: `1,234,567`.
pub fn thousands(number: impl Into<i128>) -> String {
    let number = number.into();
    signed(number < 0, &number.unsigned_abs().to_string())
}

/// Writes a number with commas, and with that number of decimals: `1,234.50`.
pub(super) fn fixed(number: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, number.abs());
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    signed(number < 0.0 && !is_zero, &text)
}

/// Writes digits with commas, and with a minus sign that is as wide as a digit.
fn signed(is_negative: bool, digits: &str) -> String {
    let whole = digits.split('.').next().unwrap_or_default().len();
    let mut written = String::new();
    if is_negative {
        written.push('\u{2212}');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index < whole && (whole - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// Writes a number in at most about ten characters: `1,234,567`, `12.35 billion`, `0.0012`.
pub fn compact(number: f64) -> String {
    let size = number.abs();
    let (unit, name) = unit_for(size);
    if !name.is_empty() {
        return format!("{} {name}", trimmed(&fixed(number / unit, 2)));
    }
    if size >= 1000.0 || number.fract() == 0.0 {
        return fixed(number, 0);
    }
    // Three digits that count.
    let mut decimals = 2;
    while decimals < 12 && size * 10f64.powi(decimals) < 100.0 {
        decimals += 1;
    }
    trimmed(&fixed(number, usize::try_from(decimals).unwrap_or(0)))
}

/// Takes zeros away from the end of a number's decimals.
fn trimmed(number: &str) -> String {
    if !number.contains('.') {
        return number.to_owned();
    }
    let number = number.trim_end_matches('0');
    number.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(thousands(-1000), "\u{2212}1,000");
        assert_eq!(fixed(0.0, 0), "0");
        assert_eq!(fixed(999.0, 0), "999");
        assert_eq!(fixed(1_234_567.0, 0), "1,234,567");
        assert_eq!(fixed(-1234.5, 2), "\u{2212}1,234.50");
        assert_eq!(fixed(-0.001, 2), "0.00");
    }

    #[test]
    fn compact_numbers_are_short() {
        assert_eq!(compact(30_500.0), "30,500");
        assert_eq!(compact(12_345_678.0), "12.35 million");
        assert_eq!(compact(1e9), "1 billion");
        assert_eq!(compact(9.223_372e18), "9.22 quintillion");
        assert_eq!(compact(0.0012), "0.0012");
        assert_eq!(compact(1.25), "1.25");
        assert_eq!(compact(-7.0), "\u{2212}7");
        assert_eq!(compact(0.0), "0");
    }
}
