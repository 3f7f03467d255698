//! What a request has really cost, as the response's head tells.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::model::{Limit, LimitName};

/// Where the real use of a limit is found in a response.
///
/// A value that is missing, malformed, given twice or absurdly large keeps the estimate, with a
/// warning for all but the first.
///
/// ```
/// use tollgate::layer::Settle;
///
/// // Set to one header's value.
/// let rule = Settle::header("x-usage-tokens");
/// // Set to the sum of two, which clients do not see.
/// let rule = Settle::headers(["x-input-tokens", "x-output-tokens"]).strip();
/// // Added to the estimate.
/// let rule = Settle::header("x-extra-tokens").add();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing until a policy has it"]
pub struct Settle {
    headers: Vec<HeaderName>,
    mode: Mode,
    strip: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Set,
    Add,
}

impl Settle {
    /// The use is the value of the response header `name`, in decimal digits.
    ///
    /// # Panics
    /// Where `name` is not a lower-case header name.
    #[track_caller]
    pub fn header(name: &'static str) -> Self {
        Self::headers([name])
    }

    /// The use is the sum of the values of those of the response headers that are there.
    ///
    /// # Panics
    /// Where a name is not a lower-case header name.
    #[track_caller]
    pub fn headers(names: impl IntoIterator<Item = &'static str>) -> Self {
        let headers = names.into_iter().map(HeaderName::from_static).collect();
        Self { headers, mode: Mode::Set, strip: false }
    }

    /// Adds the value to the estimate, instead of replacing it.
    pub fn add(mut self) -> Self {
        self.mode = Mode::Add;
        self
    }

    /// Removes the headers from the response: they are meant for the layer alone.
    pub fn strip(mut self) -> Self {
        self.strip = true;
        self
    }

    /// What the response says was used of a limit that `estimate` tokens were charged for. `None`
    /// keeps the estimate.
    pub(super) fn read(&self, limit: &LimitName, estimate: u64, headers: &mut HeaderMap) -> Option<u64> {
        let value = self.sum(limit, headers);
        if self.strip {
            for name in &self.headers {
                headers.remove(name);
            }
        }
        match self.mode {
            Mode::Set => value,
            Mode::Add => value.map(|value| estimate.saturating_add(value)),
        }
    }

    fn sum(&self, limit: &LimitName, headers: &HeaderMap) -> Option<u64> {
        let mut sum: Option<u64> = None;
        for name in &self.headers {
            match single_amount(headers, name) {
                Ok(None) => {}
                Ok(Some(value)) => sum = Some(sum.unwrap_or(0).saturating_add(value)),
                Err(problem) => {
                    crate::telemetry::settle_value_ignored(limit, name.as_str(), problem.label(), &problem.to_string());
                    return None;
                }
            }
        }
        sum
    }
}

/// A header that gives no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadAmount {
    Malformed,
    Twice,
    TooLarge,
}

impl BadAmount {
    /// As metrics call it.
    fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Twice => "repeated",
            Self::TooLarge => "too_large",
        }
    }
}

impl fmt::Display for BadAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a whole number in decimal digits",
            Self::Twice => "given more than once",
            Self::TooLarge => "larger than any limit",
        })
    }
}

/// The amount that the header gives, if it is there.
pub(super) fn single_amount(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, BadAmount> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(BadAmount::Twice);
    }
    let digits = value.as_bytes().trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadAmount::Malformed);
    }
    let text = std::str::from_utf8(digits).map_err(|_| BadAmount::Malformed)?;
    match text.parse() {
        Ok(amount) if amount <= Limit::MAX_TOKENS => Ok(Some(amount)),
        _ => Err(BadAmount::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-used", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn read(rule: &Settle, values: &[&str]) -> Option<u64> {
        rule.read(&LimitName::new("tpm").unwrap(), 100, &mut headers(values))
    }

    #[test]
    fn takes_whole_numbers_and_nothing_else() {
        let rule = Settle::header("x-used");
        assert_eq!(read(&rule, &["180"]), Some(180));
        assert_eq!(read(&rule, &["0"]), Some(0));
        assert_eq!(read(&rule, &[" 7 "]), Some(7));
        for bad in ["-5", "+5", "1e9", "abc", "", "1.5", "12345678901234567890", "1000000000000000", "5, 7", "０"] {
            assert_eq!(read(&rule, &[bad]), None, "{bad}");
        }
        assert_eq!(read(&rule, &["5", "5"]), None);
        assert_eq!(read(&rule, &[]), None);
    }

    #[test]
    fn sums_adds_and_strips() {
        let mut both = HeaderMap::new();
        both.insert("x-in", HeaderValue::from_static("30"));
        both.insert("x-out", HeaderValue::from_static("12"));
        let limit = LimitName::new("tpm").unwrap();
        let rule = Settle::headers(["x-in", "x-out"]).strip();
        assert_eq!(rule.read(&limit, 100, &mut both.clone()), Some(42));
        assert_eq!(rule.add().read(&limit, 100, &mut both), Some(142));
        assert!(both.is_empty());
    }
}
