//! The rejection of extractors that need the layer.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::code;

/// The rejection of a request without a lease: the route has no
/// [`RateLimitLayer`](crate::RateLimitLayer), or the layer's policy gives handlers no lease. Such a
/// request is answered with 500, and an error event is emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "no RateLimitLayer has handled the request: add one to the route, or extract an Option; a \
         BoundLimiter also needs a policy with acquire_in_handler"
)]
#[non_exhaustive]
pub struct MissingLayer;

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        let message = self.to_string();
        crate::telemetry::setup(code::NO_LAYER, &message);
        // The log says what is wrong. In a debug build the answer says it too, for the developer of
        // the server.
        let told = if cfg!(debug_assertions) {
            format!("{}: {message}\n", code::NO_LAYER)
        } else {
            String::new()
        };
        (StatusCode::INTERNAL_SERVER_ERROR, told).into_response()
    }
}
