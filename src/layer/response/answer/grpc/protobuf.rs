//! Writes the two kinds of fields that the messages of `details` have. A protocol buffers library
//! would be much larger.

/// A message.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

/// The wire type of a number.
const VARINT: u64 = 0;
/// The wire type of a text, of bytes, or of a message.
const LENGTH: u64 = 2;

impl Message {
    /// Adds a number. 0 is left out, because readers take a missing field as 0.
    pub(super) fn number(mut self, field: u64, number: u64) -> Self {
        if number > 0 {
            self.varint((field << 3) | VARINT);
            self.varint(number);
        }
        self
    }

    /// Adds a text, or a message.
    pub(super) fn bytes(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.varint((field << 3) | LENGTH);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Writes seven bits per byte, the lowest first. The eighth bit says that more bytes follow.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
