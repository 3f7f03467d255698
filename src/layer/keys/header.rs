//! Keys from headers.

use std::fmt;

use http::{HeaderName, header::AUTHORIZATION};

use super::{
    Key, KeyExtractor, MissingKey,
    form::{KeyForm, only},
};
use crate::layer::{RequestHead, terms::header_name};

/// The extractor that [`header`], [`hashed_header`] and [`bearer_token`] return.
#[derive(Clone, Debug)]
pub struct Header {
    name: HeaderName,
    form: KeyForm,
    bearer: bool,
}

/// Extracts the value of the header `name` as a plain id. Use it for ids that are not secret. A
/// value that is a valid name is stored unchanged, any other value is encoded.
///
/// ```
/// use http::HeaderName;
/// use tollgate::layer::keys;
///
/// // Header names are case-insensitive.
/// let key = keys::header("X-Tenant");
///
/// // A name that is only known at run time is checked first.
/// let configured = String::from("X-Tenant-Id");
/// let key = keys::header(HeaderName::try_from(configured)?);
/// # tollgate::layer::Policy::builder().entity(key);
/// # Ok::<(), http::header::InvalidHeaderName>(())
/// ```
///
/// # Panics
/// Panics if `name` is a string that is not a valid header name. A [`HeaderName`] never panics.
#[track_caller]
pub fn header<N>(name: N) -> Header
where
    N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
{
    Header {
        name: header_name(name),
        form: KeyForm::PlainId,
        bearer: false,
    }
}

/// Extracts the value of the header `name` and hashes it. Use it for API keys.
///
/// # Panics
/// Like [`header()`].
#[track_caller]
pub fn hashed_header<N>(name: N) -> Header
where
    N: fmt::Debug + TryInto<HeaderName, Error: fmt::Display>,
{
    Header {
        name: header_name(name),
        form: KeyForm::Secret("ApiKey"),
        bearer: false,
    }
}

/// Extracts the token of `Authorization: Bearer …` and hashes it. A value with white space in it
/// counts as missing. Otherwise a client of a service that reads only the first of two words could
/// get a new key with each second word.
pub fn bearer_token() -> Header {
    Header {
        name: AUTHORIZATION,
        form: KeyForm::Secret("Bearer"),
        bearer: true,
    }
}

impl KeyExtractor for Header {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let value = only(head.headers.get_all(&self.name).iter())
            .map(|value| value.as_bytes().trim_ascii());
        let value = if self.bearer {
            value.and_then(bearer)
        } else {
            value
        };
        match value {
            Some(bytes) if !bytes.is_empty() => Ok(self.form.key(bytes)),
            _ => Err(self.form.missing(format_args!("header: {}", self.name))),
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.iter().any(u8::is_ascii_whitespace))
        .then_some(token)
}
