//! Writes the two kinds of fields that the messages of `details` have. A library for all of protocol buffers would be
//! much more than this.

/// A message.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

/// A field that is a number.
const VARINT: u64 = 0;
/// A field that is a text, bytes or a message.
const LENGTH: u64 = 2;

impl Message {
    /// Adds a number. A field that is missing is read as 0.
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

    /// Seven bits a byte, the lowest first. The eighth bit says that more follow.
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
