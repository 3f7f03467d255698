//! Keys from headers.

use http::{HeaderName, HeaderValue, header::AUTHORIZATION};

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// See [`header`], [`hashed_header`] and [`bearer_token`].
#[derive(Clone, Debug)]
pub struct Header {
    name: HeaderName,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    PlainId,
    Secret,
    BearerToken,
}

/// The value of the header `name` as a plain id: for ids that are no secret. It is stored as it
/// is where it is a valid name, else encoded.
///
/// # Panics
/// Where `name` is not a lower-case header name.
#[track_caller]
pub fn header(name: &'static str) -> Header {
    Header { name: HeaderName::from_static(name), form: Form::PlainId }
}

/// The value of the header `name`, hashed: for API keys.
///
/// # Panics
/// Where `name` is not a lower-case header name.
#[track_caller]
pub fn hashed_header(name: &'static str) -> Header {
    Header { name: HeaderName::from_static(name), form: Form::Secret }
}

/// The token of `Authorization: Bearer …`, hashed.
pub fn bearer_token() -> Header {
    Header { name: AUTHORIZATION, form: Form::BearerToken }
}

impl Header {
    fn missing(&self) -> MissingKey {
        let what = format!("the header {}", self.name);
        match self.form {
            Form::PlainId => MissingKey::absent(what),
            Form::Secret => MissingKey::credential(what, HeaderValue::from_static("ApiKey")),
            Form::BearerToken => MissingKey::credential(what, HeaderValue::from_static("Bearer")),
        }
    }
}

impl KeyExtractor for Header {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        let mut values = head.headers.get_all(&self.name).iter();
        // Of two values neither is sure to be the one that the service itself goes by.
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(self.missing());
        };
        let bytes = value.as_bytes().trim_ascii();
        if bytes.is_empty() {
            return Err(self.missing());
        }
        match self.form {
            Form::PlainId => Ok(Key::untrusted(bytes)),
            Form::Secret => Ok(Key::secret(bytes)),
            Form::BearerToken => bearer(bytes).map(Key::secret).ok_or_else(|| self.missing()),
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}
