//! Reads `LIMIT:TOKENS`.

use tollgate::LimitName;

/// Reads the name of a limit, and a number of tokens: `tpm:5_000`. Commas and underscores may divide
/// the digits.
pub(crate) fn amount(text: &str) -> Result<(LimitName, u64), String> {
    let (name, tokens) = text
        .split_once(':')
        .ok_or("a colon is missing: LIMIT:TOKENS")?;
    let name: LimitName = name.parse().map_err(|error| format!("{error}"))?;
    let tokens = tokens
        .replace([',', '_'], "")
        .parse()
        .map_err(|_| format!("{tokens:?} is not a whole number of tokens"))?;
    Ok((name, tokens))
}
