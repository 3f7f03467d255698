//! Names of buckets and objects, and how they stand in addresses.

use std::fmt::Write;

/// Returns true if a bucket can have this name.
pub(crate) fn is_bucket_name(name: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (3..=63).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// Returns a key as it stands in the path of an address.
pub(super) fn encoded(key: &str) -> String {
    let mut path = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_for_addresses() {
        assert_eq!(encoded("a/b-1.zip"), "a/b-1.zip");
        assert_eq!(encoded("year=1/ü +"), "year%3D1/%C3%BC%20%2B");
    }
}
