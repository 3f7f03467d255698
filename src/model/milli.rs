//! Millitokens: the unit of amounts inside a bucket.

/// The number of millitokens in a token.
pub(crate) const MILLI: i64 = 1000;

/// Returns the whole tokens in an amount of millitokens, rounded down. A debt is rounded away from
/// zero.
pub(crate) fn whole_tokens(milli: i64) -> i64 {
    milli.div_euclid(MILLI)
}

/// Converts tokens to millitokens. An amount that does not fit into an `i64` becomes the greatest
/// `i64`, which is more than any bucket has.
pub(crate) fn to_milli(tokens: u64) -> i64 {
    i64::try_from(tokens)
        .unwrap_or(i64::MAX)
        .saturating_mul(MILLI)
}
