//! A key of an object, read incrementally.

/// The longest key that can be wanted, in bytes.
pub(super) const MOST_BYTES: usize = 64;

/// A key of an object, unescaped as it comes. A key that is too long, or that is not valid text, is
/// not a wanted key.
#[derive(Debug)]
pub(super) struct ObjectKey {
    bytes: [u8; MOST_BYTES],
    length: usize,
    odd: bool,
    /// The first half of a surrogate pair of escapes.
    high: Option<u32>,
}

impl Default for ObjectKey {
    fn default() -> Self {
        Self {
            bytes: [0; MOST_BYTES],
            length: 0,
            odd: false,
            high: None,
        }
    }
}

impl ObjectKey {
    pub(super) fn clear(&mut self) {
        (self.length, self.odd, self.high) = (0, false, None);
    }

    /// Returns the whole key, or `None` if the key is certainly not wanted.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        if self.odd || self.high.is_some() {
            None
        } else {
            self.bytes.get(..self.length)
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Nothing stands between two escapes, so they may still be a pair.
        if bytes.is_empty() {
            return;
        }
        // The first half of a pair was not followed by the second.
        self.odd |= self.high.is_some();
        let end = self.length.saturating_add(bytes.len());
        match self.bytes.get_mut(self.length..end) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.odd = true,
        }
    }

    /// Appends the code unit of a `\u` escape.
    pub(super) fn push_unit(&mut self, unit: u16) {
        let unit = u32::from(unit);
        let code = match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
            (Some(_), _) => {
                self.odd = true;
                return;
            }
            (None, unit) => unit,
        };
        match char::from_u32(code) {
            Some(character) => self.push(character.encode_utf8(&mut [0; 4]).as_bytes()),
            None => self.odd = true,
        }
    }
}
