//! Keys from headers.

use http::{HeaderName, header::AUTHORIZATION};

use super::{
    Key, KeyExtractor, MissingKey,
    form::{Form, only},
};
use crate::layer::RequestHead;

/// See [`header`], [`hashed_header`] and [`bearer_token`].
#[derive(Clone, Debug)]
pub struct Header {
    name: HeaderName,
    form: Form,
    bearer: bool,
}

/// The value of the header `name` as a plain id: for ids that are no secret. It is stored as it
/// is where it is a valid name, else encoded.
///
/// # Panics
/// Where `name` is not a lower-case header name.
#[track_caller]
pub fn header(name: &'static str) -> Header {
    Header { name: HeaderName::from_static(name), form: Form::PlainId, bearer: false }
}

/// The value of the header `name`, hashed: for API keys.
///
/// # Panics
/// Where `name` is not a lower-case header name.
#[track_caller]
pub fn hashed_header(name: &'static str) -> Header {
    Header { name: HeaderName::from_static(name), form: Form::Secret("ApiKey"), bearer: false }
}

/// The token of `Authorization: Bearer …`, hashed.
pub fn bearer_token() -> Header {
    Header { name: AUTHORIZATION, form: Form::Secret("Bearer"), bearer: true }
}

impl KeyExtractor for Header {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let value = only(head.headers.get_all(&self.name).iter()).map(|value| value.as_bytes().trim_ascii());
        let value = if self.bearer { value.and_then(bearer) } else { value };
        match value {
            Some(bytes) if !bytes.is_empty() => Ok(self.form.key(bytes)),
            _ => Err(self.form.missing(format_args!("header: {}", self.name))),
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
