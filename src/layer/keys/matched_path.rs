//! The route that a request matched.

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead};

/// See [`matched_path`].
#[derive(Clone, Copy, Debug)]
pub struct MatchedPath;

/// The path of the axum route that the request matched: `/users/{id}` is the resource
/// `users/:id`, whoever the user is. Use it with `Router::route_layer`: a request that matches no
/// route has no matched path.
pub fn matched_path() -> MatchedPath {
    MatchedPath
}

impl KeyExtractor for MatchedPath {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        match head.extensions.get::<axum::extract::MatchedPath>() {
            Some(path) => Ok(Key::path(path.as_str())),
            None => Err(MissingKey::mistake(
                code::NO_MATCHED_PATH,
                "the request has no matched path: add the rate limit layer with Router::route_layer",
            )),
        }
    }
}
