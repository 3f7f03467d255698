//! Keys from query parameters.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{
    Key, KeyExtractor, MissingKey,
    form::{KeyForm, only},
};
use crate::layer::RequestHead;

/// The extractor that [`query_parameter`] and [`hashed_query_parameter`] return.
#[derive(Clone, Debug)]
pub struct QueryParameter {
    name: Cow<'static, str>,
    form: KeyForm,
}

/// Extracts the value of the query parameter `name` as a plain id. The name and the value are
/// form-decoded: `%20` and `+` are spaces. If two parameters have the name, the key is missing.
pub fn query_parameter(name: impl Into<Cow<'static, str>>) -> QueryParameter {
    QueryParameter {
        name: name.into(),
        form: KeyForm::PlainId,
    }
}

/// Extracts the value of the query parameter `name`, as [`query_parameter`] does, and hashes it.
/// Use it for API keys.
pub fn hashed_query_parameter(name: impl Into<Cow<'static, str>>) -> QueryParameter {
    QueryParameter {
        name: name.into(),
        form: KeyForm::Secret("ApiKey"),
    }
}

impl KeyExtractor for QueryParameter {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let values = head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (*decoded(name) == *self.name.as_bytes()).then(|| decoded(value))
            });
        match only(values) {
            Some(value) => Ok(self.form.key(&value)),
            None => Err(self
                .form
                .missing(format_args!("query parameter: {}", self.name))),
        }
    }
}

/// Decodes to bytes, not to text, so that two different values that are not UTF-8 stay different.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        return Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect());
    }
    percent_decode(text.as_bytes()).into()
}
