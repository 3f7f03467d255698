//! A key that replaces a missing one.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// The extractor that [`KeyExtractor::or`] returns.
#[derive(Clone, Debug)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<A, B> Or<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: KeyExtractor, B: KeyExtractor> KeyExtractor for Or<A, B> {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        match self.first.extract(head) {
            Ok(key) if key.is_empty() => self.second.extract(head),
            Err(missing) if !missing.is_setup() => {
                self.second.extract(head).map_err(|other| missing.or(other))
            }
            found => found,
        }
    }

    /// Returns the constant of the first key. A constant is never missing, so the second key is
    /// never used.
    fn constant(&self) -> Option<Key> {
        self.first.constant()
    }
}
