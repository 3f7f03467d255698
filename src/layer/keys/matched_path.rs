//! Keys from the route that a request matched.

use axum::extract::OriginalUri;

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead};

/// The key that a request lacks if a router has seen it but has no route for it. Clients choose
/// their paths, so this is not a misconfiguration.
pub(super) const UNMATCHED: &str = "route for this path";

/// The extractor that [`matched_path`] returns.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MatchedPath;

/// Extracts the path of the axum route that the request matched: `/users/{id}` becomes the resource
/// `users/:id`, the same for all users. Use it with `Router::route_layer`.
///
/// With `Router::layer`, the layer also gets requests that match no route. Their key is missing,
/// and the policy's [`on_missing_key`](crate::layer::PolicyBuilder::on_missing_key) decides. A
/// layer that is not inside a router is a misconfiguration of the server, answered with 500.
pub fn matched_path() -> MatchedPath {
    MatchedPath
}

impl KeyExtractor for MatchedPath {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        match head.extensions.get::<axum::extract::MatchedPath>() {
            Some(path) => Ok(Key::path(path.as_str())),
            None if head.extensions.get::<OriginalUri>().is_some() => {
                Err(MissingKey::absent(UNMATCHED))
            }
            None => Err(MissingKey::mistake(
                code::NO_MATCHED_PATH,
                "the request has no matched path: add the rate limit layer with Router::route_layer",
            )),
        }
    }
}
