//! Cost estimates from the request's query.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{Estimate, amount_or_warn};
use crate::layer::{
    RequestHead,
    terms::{BadAmount, amount},
};

/// The estimate that [`query_parameter`] returns.
#[derive(Clone, Debug)]
#[must_use = "an estimate does nothing until a policy uses it"]
pub struct QueryAmount {
    name: Cow<'static, str>,
}

/// Estimates the amount in the query parameter `name`, in decimal digits. The name and the value
/// may be percent-encoded. A value that is not an amount, or that occurs twice, is ignored with a
/// warning. Clients can set the parameter: settle such a limit by its real use.
pub fn query_parameter(name: impl Into<Cow<'static, str>>) -> QueryAmount {
    QueryAmount { name: name.into() }
}

impl Estimate for QueryAmount {
    fn estimate(&self, head: &RequestHead<'_>) -> Option<u64> {
        amount_or_warn(
            &self.name,
            find(head.uri.query().unwrap_or_default(), &self.name),
        )
    }
}

fn find(query: &str, name: &str) -> Result<Option<u64>, BadAmount> {
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs
        .filter(|(found, _)| *decoded(found) == *name.as_bytes())
        .map(|(_, value)| decoded(value));
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => amount(&value).map(Some),
        (Some(_), Some(_)) => Err(BadAmount::Twice),
    }
}

/// Decodes form encoding, in which a plus is a space.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode(spaced.as_bytes()).collect());
    }
    percent_decode(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_parameter_is_decoded_and_occurs_once() {
        for (query, found) in [
            ("max_tokens=25", Ok(Some(25))),
            ("a=1&max_tokens=25&b", Ok(Some(25))),
            ("max%5Ftokens=%32%35", Ok(Some(25))),
            ("", Ok(None)),
            ("max_tokens2=25&xmax_tokens=1", Ok(None)),
            ("max_tokens", Err(BadAmount::Malformed)),
            ("max_tokens=", Err(BadAmount::Malformed)),
            ("max_tokens=-5", Err(BadAmount::Malformed)),
            ("max_tokens=%2B5", Err(BadAmount::Malformed)),
            ("max_tokens=+5", Err(BadAmount::Malformed)),
            ("max_tokens=%3", Err(BadAmount::Malformed)),
            ("max_tokens=5=5", Err(BadAmount::Malformed)),
            ("max_tokens=1&max_tokens=1", Err(BadAmount::Twice)),
            ("max_tokens=1000000000000000", Err(BadAmount::TooLarge)),
        ] {
            assert_eq!(find(query, "max_tokens"), found, "{query}");
        }
        assert_eq!(find("max+tokens=7", "max tokens"), Ok(Some(7)));
    }
}
