//! The request's method.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// See [`method`].
#[derive(Clone, Copy, Debug)]
pub struct Method;

/// The method: `GET`. Mostly together with another key:
///
/// ```
/// use tollgate::layer::{KeyExtractor, keys};
///
/// let resource = keys::method().and(keys::fixed("users"));
/// # tollgate::layer::Policy::builder().resource(resource);
/// ```
///
/// Clients can make methods up, each of which has a bucket of its own. Where routes take any, use
/// a closure that knows the methods that count.
pub fn method() -> Method {
    Method
}

impl KeyExtractor for Method {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        Ok(Key::untrusted(head.method.as_str()))
    }
}
