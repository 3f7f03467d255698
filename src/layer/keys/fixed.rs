//! A constant key.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// The extractor that [`fixed`] returns.
#[derive(Clone, Debug)]
pub struct Fixed(Key);

/// Gives all requests the same key. If `name` is not a valid name,
/// [`PolicyBuilder::build`](crate::layer::PolicyBuilder::build) fails.
pub fn fixed(name: impl AsRef<str>) -> Fixed {
    Fixed(Key::name(name))
}

impl KeyExtractor for Fixed {
    fn extract(&self, _: &RequestHead<'_>) -> Result<Key, MissingKey> {
        Ok(self.0.clone())
    }

    fn constant(&self) -> Option<Key> {
        Some(self.0.clone())
    }
}
