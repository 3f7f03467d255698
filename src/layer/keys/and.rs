//! Two keys together.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// See [`KeyExtractor::and`].
#[derive(Clone, Debug)]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<A, B> And<A, B> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: KeyExtractor, B: KeyExtractor> KeyExtractor for And<A, B> {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        Ok(Key::pair(self.first.extract(head)?, self.second.extract(head)?))
    }

    fn constant(&self) -> Option<Key> {
        Some(Key::pair(self.first.constant()?, self.second.constant()?))
    }
}
