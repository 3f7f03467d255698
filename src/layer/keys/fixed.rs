//! Always the same key.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// See [`fixed`].
#[derive(Clone, Debug)]
pub struct Fixed(Key);

/// Always the same name. A name that is none is refused by
/// [`PolicyBuilder::build`](crate::layer::PolicyBuilder::build).
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
