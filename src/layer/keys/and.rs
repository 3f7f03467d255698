//! A key made of two keys.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// The extractor that [`KeyExtractor::and`] returns.
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
        match (self.first.extract(head), self.second.extract(head)) {
            (Ok(first), Ok(second)) => Ok(Key::pair(first, second)),
            // A misconfiguration is reported even if the request lacks the first key too.
            (Err(_), Err(setup)) if setup.is_setup() => Err(setup),
            (Err(missing), _) | (_, Err(missing)) => Err(missing),
        }
    }

    fn constant(&self) -> Option<Key> {
        Some(Key::pair(self.first.constant()?, self.second.constant()?))
    }
}
