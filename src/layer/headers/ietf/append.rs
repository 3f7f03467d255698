//! Appends `RateLimit` to the fields of inner layers.

use http::{HeaderMap, HeaderValue, header::Entry};

use super::RATE_LIMIT;

/// Appends `RateLimit`, unless the response has one of revision 7.
pub(super) fn append(headers: &mut HeaderMap, left: HeaderValue) {
    match headers.entry(RATE_LIMIT) {
        Entry::Vacant(field) => {
            field.insert(left);
        }
        Entry::Occupied(mut field) => {
            if !field.iter().any(is_dictionary) {
                field.append(left);
            }
        }
    }
}

/// Returns `true` if the field is a dictionary, as in revision 7. If a list were appended to it,
/// clients could read neither.
fn is_dictionary(value: &HeaderValue) -> bool {
    let text = value.as_bytes().trim_ascii_start();
    let key =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(byte);
    text.iter().find(|byte| !key(byte)) == Some(&b'=') && text.first() != Some(&b'=')
}
