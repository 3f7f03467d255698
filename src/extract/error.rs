//! Errors of the limiter as responses of a handler.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};

use crate::{error::Error, layer::handler_refusal};

/// Answers like the layer: 429 with `Retry-After` for a denial, 503 if the store gave no decision,
/// 500 and an error event for a mistake in the handler. Behind a
/// [`RateLimitLayer`](crate::RateLimitLayer), its policy shapes the answer: a gRPC status for gRPC
/// requests, no body for `HEAD`. The handler has run, so its lease is settled as with any other
/// response.
///
/// Headers, extensions and a status that the handler adds are kept: `(StatusCode::PAYMENT_REQUIRED,
/// error)` is answered with 402 and everything else of the 429.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        handler_refusal(&self).map(Body::from)
    }
}
