//! What a value that the request brings is.

use std::fmt;

use http::HeaderValue;

use super::{Key, MissingKey};

/// Whether a value is an id or a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    PlainId,
    /// Asked for with this scheme where it is missing.
    Secret(&'static str),
}

impl Form {
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

/// The only value, and not an empty one: of two neither is sure to be the one that the service
/// itself goes by.
pub(super) fn only<T: AsRef<[u8]>>(mut values: impl Iterator<Item = T>) -> Option<T> {
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value).filter(|value| !value.as_ref().is_empty()),
        _ => None,
    }
}
