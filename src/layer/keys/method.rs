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
/// `HEAD` is `GET`, because it runs the same handlers. Methods that RFC 9110 and RFC 5789 do not define
/// are all `other`: a client can make up any number of them, and would have a bucket for each. For others
/// (WebDAV's, say) use a closure that knows them.
pub fn method() -> Method {
    Method
}

impl KeyExtractor for Method {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        Ok(Key::untrusted(match head.method.as_str() {
            "GET" | "HEAD" => "GET",
            known @ ("POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "CONNECT" | "TRACE") => known,
            _ => "other",
        }))
    }
}
