//! Handlers that answer with a limiter's error.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};

use crate::{error::Error, layer::handler_refusal};

/// What the layer answers: 429 with `Retry-After` for a denial, 503 where the store gave no decision, 500
/// and an error event for a mistake of the handler's. Behind a [`RateLimitLayer`](crate::RateLimitLayer)
/// it is the answer of its policy: for gRPC requests a status, for `HEAD` no body. The handler has run: what
/// its lease is charged stays charged.
///
/// Headers, extensions and a status beside it stand: `(StatusCode::PAYMENT_REQUIRED, error)` is answered
/// with 402, and all else of the 429.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        handler_refusal(&self).map(Body::from)
    }
}
