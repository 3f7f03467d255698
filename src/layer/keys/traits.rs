//! The trait.

use super::{Key, MissingKey};
use crate::layer::RequestHead;

/// Takes a key out of a request's head. Closures are extractors.
pub trait KeyExtractor: Send + Sync + 'static {
    /// The key, or why there is none.
    ///
    /// # Errors
    /// [`MissingKey`]: the policy decides what becomes of the request.
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey>;

    /// The key where it is the same for all requests: one that is no name builds no policy.
    fn constant(&self) -> Option<Key> {
        None
    }
}

impl<F> KeyExtractor for F
where
    F: Fn(&RequestHead<'_>) -> Result<Key, MissingKey> + Send + Sync + 'static,
{
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        self(head)
    }
}
