//! Keys from cookies.

use std::borrow::Cow;

use http::header::COOKIE;
use percent_encoding::percent_decode;

use super::{
    Key, KeyExtractor, MissingKey,
    form::{KeyForm, only},
};
use crate::layer::RequestHead;

/// The extractor that [`cookie`] and [`hashed_cookie`] return.
#[derive(Clone, Debug)]
pub struct Cookie {
    name: Cow<'static, str>,
    form: KeyForm,
}

/// Extracts the value of the cookie `name` as a plain id. Session cookies are secrets: use
/// [`hashed_cookie`] for them.
///
/// Quotes around the value are removed, and the name and the value are percent-decoded, so that one
/// session has one key. If two cookies have the name, the key is missing.
pub fn cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    Cookie {
        name: name.into(),
        form: KeyForm::PlainId,
    }
}

/// Extracts the value of the cookie `name`, as [`cookie`] does, and hashes it. Use it for sessions.
pub fn hashed_cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    Cookie {
        name: name.into(),
        form: KeyForm::Secret("Cookie"),
    }
}

impl KeyExtractor for Cookie {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        // HTTP/2 clients may split cookies over several headers.
        let pairs = head
            .headers
            .get_all(COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let values = pairs.filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
            // Some services decode names. For them, `%61` and `a` are two cookies of one name, so
            // the names are compared decoded.
            let is_it = percent_decode(name.trim_ascii()).eq(self.name.bytes());
            is_it.then(|| unquoted(value.trim_ascii()))
        });
        match only(values) {
            Some(value) => Ok(self.form.key(&Cow::from(percent_decode(value)))),
            None => Err(self.form.missing(format_args!("cookie: {}", self.name))),
        }
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}
