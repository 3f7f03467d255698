//! Keys from cookies.

use std::borrow::Cow;

use http::header::COOKIE;
use percent_encoding::percent_decode;

use super::{
    Key, KeyExtractor, MissingKey,
    form::{Form, only},
};
use crate::layer::RequestHead;

/// See [`cookie`] and [`hashed_cookie`].
#[derive(Clone, Debug)]
pub struct Cookie {
    name: Cow<'static, str>,
    form: Form,
}

/// The value of the cookie `name` as a plain id. Session cookies are secrets: for them
/// [`hashed_cookie`].
///
/// Quotes around it and percent-encoding, of the name too, are undone, so that no session has two
/// keys. Where two cookies have the name, there is none.
pub fn cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    Cookie { name: name.into(), form: Form::PlainId }
}

/// The value of the cookie `name`, hashed: for sessions. Read as by [`cookie`].
pub fn hashed_cookie(name: impl Into<Cow<'static, str>>) -> Cookie {
    Cookie { name: name.into(), form: Form::Secret("Cookie") }
}

impl KeyExtractor for Cookie {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        // HTTP/2 may spread cookies over several headers.
        let pairs = head.headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
        let values = pairs.filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
            // Services that decode it take one of two for theirs.
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
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}
