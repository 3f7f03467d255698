//! Keys from the request's method.

use super::{Key, KeyExtractor, MissingKey};
use crate::layer::RequestHead;

/// The extractor that [`method`] returns.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Method;

/// Extracts the method, such as `GET`. The method is mostly combined with another key:
///
/// ```
/// use tollgate::layer::{KeyExtractor, keys};
///
/// let resource = keys::method().and(keys::fixed("users"));
/// # tollgate::layer::Policy::builder().resource(resource);
/// ```
///
/// `HEAD` counts as `GET`, because it runs the same handlers. Methods that RFC 9110 and RFC 5789 do
/// not define all count as `other`. Otherwise a client could make up any number of methods, and get
/// a bucket for each. For other methods, such as those of WebDAV, use a closure that knows them.
pub fn method() -> Method {
    Method
}

impl KeyExtractor for Method {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        Ok(Key::untrusted(match head.method.as_str() {
            "GET" | "HEAD" => "GET",
            known @ ("POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "CONNECT" | "TRACE") => {
                known
            }
            _ => "other",
        }))
    }
}
