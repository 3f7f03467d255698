//! Parsing of amounts in headers and bodies.

use http::{HeaderMap, HeaderName};

/// The largest amount: fifteen digits, the most that a structured header field can have.
pub(crate) const MOST_AMOUNT: u64 = 999_999_999_999_999;

/// The reason why a value is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadAmount {
    Malformed,
    Twice,
    TooLarge,
}

impl BadAmount {
    /// Returns the label for metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Twice => "repeated",
            Self::TooLarge => "too_large",
        }
    }

    /// Returns the text for the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "not a whole number in decimal digits",
            Self::Twice => "given more than once",
            Self::TooLarge => "larger than any limit",
        }
    }
}

/// Returns the amount, unless it is too large.
pub(crate) fn in_bounds(amount: u64) -> Result<u64, BadAmount> {
    if amount <= MOST_AMOUNT {
        Ok(amount)
    } else {
        Err(BadAmount::TooLarge)
    }
}

/// Parses an amount in decimal digits.
pub(crate) fn amount(digits: &[u8]) -> Result<u64, BadAmount> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadAmount::Malformed);
    }
    let text = std::str::from_utf8(digits).map_err(|_| BadAmount::Malformed)?;
    text.parse()
        .map_err(|_| BadAmount::TooLarge)
        .and_then(in_bounds)
}

/// Parses the amount in a header. `None` if the header is missing.
pub(crate) fn single_amount(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<u64>, BadAmount> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BadAmount::Twice);
    }
    amount(value.as_bytes().trim_ascii()).map(Some)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&str]) -> Result<Option<u64>, BadAmount> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-used", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        single_amount(&headers, &HeaderName::from_static("x-used"))
    }

    #[test]
    fn an_amount_is_a_whole_number_and_nothing_else() {
        assert_eq!(read(&["180"]), Ok(Some(180)));
        assert_eq!(read(&["0"]), Ok(Some(0)));
        assert_eq!(read(&[" 7 "]), Ok(Some(7)));
        assert_eq!(read(&[]), Ok(None));
        for bad in ["-5", "+5", "1e9", "abc", "", "1.5", "5, 7", "０"] {
            assert_eq!(read(&[bad]), Err(BadAmount::Malformed), "{bad}");
        }
        for large in ["12345678901234567890", "1000000000000000"] {
            assert_eq!(read(&[large]), Err(BadAmount::TooLarge), "{large}");
        }
        assert_eq!(read(&["5", "5"]), Err(BadAmount::Twice));
    }
}
