//! Plain ids and secrets among the values of a request.

use std::fmt;

use http::HeaderValue;

use super::{Key, MissingKey};

/// The form of a value: a plain id, or a secret that is hashed.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyForm {
    PlainId,
    /// Contains the authentication scheme of the challenge that is sent if the secret is missing.
    Secret(&'static str),
}

impl KeyForm {
    pub(super) fn key(self, bytes: &[u8]) -> Key {
        match self {
            Self::PlainId => Key::untrusted(bytes),
            Self::Secret(_) => Key::secret(bytes),
        }
    }

    pub(super) fn missing(self, what: fmt::Arguments<'_>) -> MissingKey {
        let what = what.to_string();
        match self {
            Self::PlainId => MissingKey::absent(what),
            Self::Secret(scheme) => MissingKey::credential(what, HeaderValue::from_static(scheme)),
        }
    }
}

/// Returns the value if there is exactly one and it is not empty. If there are two, it is not
/// certain which one the service uses.
pub(super) fn only<T: AsRef<[u8]>>(mut values: impl Iterator<Item = T>) -> Option<T> {
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value).filter(|value| !value.as_ref().is_empty()),
        _ => None,
    }
}
