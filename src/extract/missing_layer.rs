//! The rejection of extractors that need the layer.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::error::code;

/// The request has no lease: the route has no [`RateLimitLayer`](crate::RateLimitLayer), or one whose policy gives
/// handlers none. Answered with 500, and an error event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("no RateLimitLayer has handled the request: add one to the route, or extract an Option")]
#[non_exhaustive]
pub struct MissingLayer;

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        let message = self.to_string();
        crate::telemetry::setup(code::NO_LAYER, &message);
        // What is wrong is in the log. Whoever develops the server sees it in the answer, too.
        let told = if cfg!(debug_assertions) { format!("{}: {message}\n", code::NO_LAYER) } else { String::new() };
        (StatusCode::INTERNAL_SERVER_ERROR, told).into_response()
    }
}
