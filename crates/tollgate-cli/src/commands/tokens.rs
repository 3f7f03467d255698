//! Amounts of tokens, as the commands print them.

/// Returns the tokens of an amount of millitokens.
pub(super) fn tokens(millitokens: i64) -> f64 {
    millitokens as f64 / 1000.0
}

/// Formats a number to three digits after the point, without zeros at the end.
pub(super) fn short(number: f64) -> String {
    ((number * 1000.0).round() / 1000.0).to_string()
}
