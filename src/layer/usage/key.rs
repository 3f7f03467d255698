//! A key of an object, as it comes.

/// The longest key that is told apart, in bytes.
pub(super) const MOST_BYTES: usize = 64;

/// A key of an object, unescaped as it comes. One that is longer than any that is wanted, or that
/// is no text, is none of them.
#[derive(Debug)]
pub(super) struct Key {
    bytes: [u8; MOST_BYTES],
    length: usize,
    odd: bool,
    /// The first half of a pair of escapes.
    high: Option<u32>,
}

impl Default for Key {
    fn default() -> Self {
        Self { bytes: [0; MOST_BYTES], length: 0, odd: false, high: None }
    }
}

impl Key {
    pub(super) fn clear(&mut self) {
        (self.length, self.odd, self.high) = (0, false, None);
    }

    /// The whole key, if it is one that may be wanted.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        if self.odd || self.high.is_some() { None } else { self.bytes.get(..self.length) }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Between two escapes there is nothing: that parts no pair.
        if bytes.is_empty() {
            return;
        }
        // Half a pair, and not its other half.
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

    /// A `\u` escape.
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
