//! Keys from headers.

use std::fmt;

use http::{HeaderName, header::AUTHORIZATION};

use super::{
    Key, KeyExtractor, MissingKey,
    form::{Form, only},
};
use crate::layer::{RequestHead, header_name::header_name};

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
/// ```
/// use http::HeaderName;
/// use tollgate::layer::keys;
///
/// // Case makes no difference.
/// let key = keys::header("X-Tenant");
///
/// // A name that is not written in the source, checked.
/// let configured = String::from("X-Tenant-Id");
/// let key = keys::header(HeaderName::try_from(configured)?);
/// # tollgate::layer::Policy::builder().entity(key);
/// # Ok::<(), http::header::InvalidHeaderName>(())
/// ```
///
/// # Panics
/// If `name` is a text that is no header name. A [`HeaderName`] never panics.
#[track_caller]
pub fn header<N>(name: N) -> Header
where
    N: TryInto<HeaderName, Error: fmt::Display>,
{
    Header { name: header_name(name), form: Form::PlainId, bearer: false }
}

/// The value of the header `name`, hashed: for API keys.
///
/// # Panics
/// As [`header()`].
#[track_caller]
pub fn hashed_header<N>(name: N) -> Header
where
    N: TryInto<HeaderName, Error: fmt::Display>,
{
    Header { name: header_name(name), form: Form::Secret("ApiKey"), bearer: false }
}

/// The token of `Authorization: Bearer …`, hashed. A value with white space in it is none: to services that take
/// the first of two words for the token, each second word would be another key.
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
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.iter().any(u8::is_ascii_whitespace)).then_some(token)
}
