//! The rejection of extractors that need the layer.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// The request has no lease: the route has no [`RateLimitLayer`](crate::RateLimitLayer), or this
/// request passed it unlimited. Answered with 500, and an error event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("no RateLimitLayer has handled the request: add one to the route, or extract an Option")]
#[non_exhaustive]
pub struct MissingLayer;

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        crate::telemetry::setup(&self.to_string());
        // What is wrong is in the log, not in the answer.
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
