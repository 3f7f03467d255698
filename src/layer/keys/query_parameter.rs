//! Keys from the query.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{
    Key, KeyExtractor, MissingKey,
    form::{Form, only},
};
use crate::layer::RequestHead;

/// See [`query_parameter`] and [`hashed_query_parameter`].
#[derive(Clone, Debug)]
pub struct QueryParameter {
    name: Cow<'static, str>,
    form: Form,
}

/// The value of the query parameter `name` as a plain id, decoded as forms are: `%20` and `+` are
/// spaces. Where two parameters have the name, there is none.
pub fn query_parameter(name: impl Into<Cow<'static, str>>) -> QueryParameter {
    QueryParameter { name: name.into(), form: Form::PlainId }
}

/// The value of the query parameter `name`, hashed: for API keys. Read as by [`query_parameter`].
pub fn hashed_query_parameter(name: impl Into<Cow<'static, str>>) -> QueryParameter {
    QueryParameter { name: name.into(), form: Form::Secret("ApiKey") }
}

impl KeyExtractor for QueryParameter {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let values = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (*decoded(name) == *self.name.as_bytes()).then(|| decoded(value))
        });
        match only(values) {
            Some(value) => Ok(self.form.key(&value)),
            None => Err(self.form.missing(format_args!("query parameter: {}", self.name))),
        }
    }
}

/// Bytes, not text: two values that are no text stay two.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        return Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect());
    }
    percent_decode(text.as_bytes()).into()
}
