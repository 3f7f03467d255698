//! The id of a write.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// The id of a write, stored in the item. If the answer is lost, the id in the item shows if the
/// write was done.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WriteId(Box<str>);

impl WriteId {
    /// Returns the id with that number, as 11 base64url characters.
    pub fn from_number(number: u64) -> Self {
        Self(URL_SAFE_NO_PAD.encode(number.to_be_bytes()).into())
    }

    /// Returns an id from the text in an item.
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the id as an item stores it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a number that identifies the writer of the id, almost uniquely. Each writer counts
    /// from a random number, so the first six characters stay the same for 2^28 writes.
    pub(crate) fn writer(&self) -> u64 {
        self.0.bytes().take(6).fold(0, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        }) >> 20
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_ids_are_eleven_characters() {
        assert_eq!(WriteId::from_number(u64::MAX).as_str(), "__________8");
        assert_eq!(WriteId::from_number(0).as_str().len(), 11);
    }
}
