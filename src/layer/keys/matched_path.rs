//! The route that a request matched.

use axum::extract::OriginalUri;

use super::{Key, KeyExtractor, MissingKey};
use crate::{error::code, layer::RequestHead};

/// The key that a request lacks which a router has seen, and has no route for: that is the client's choice.
pub(super) const UNMATCHED: &str = "a path that a route matches";

/// See [`matched_path`].
#[derive(Clone, Copy, Debug)]
pub struct MatchedPath;

/// The path of the axum route that the request matched: `/users/{id}` is the resource
/// `users/:id`, whoever the user is. Use it with `Router::route_layer`.
///
/// In `Router::layer`, requests come that match no route: the key is missing then, and the policy's
/// [`on_missing_key`](crate::layer::PolicyBuilder::on_missing_key) decides. A layer that no router is around is a mistake
/// of the server, answered with 500.
pub fn matched_path() -> MatchedPath {
    MatchedPath
}

impl KeyExtractor for MatchedPath {
    fn extract(&self, head: &RequestHead<'_>) -> Result<Key, MissingKey> {
        match head.extensions.get::<axum::extract::MatchedPath>() {
            Some(path) => Ok(Key::path(path.as_str())),
            None if head.extensions.get::<OriginalUri>().is_some() => Err(MissingKey::absent(UNMATCHED)),
            None => Err(MissingKey::mistake(
                code::NO_MATCHED_PATH,
                "the request has no matched path: add the rate limit layer with Router::route_layer",
            )),
        }
    }
}
