//! The extractor for the state of the request's limits.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{Extensions, request::Parts};

use super::MissingLayer;
use crate::layer::{LeaseHandle, RateLimitStatus};

/// Returns the status of the request's lease.
fn status(extensions: &Extensions) -> Option<RateLimitStatus> {
    extensions.get::<LeaseHandle>().map(LeaseHandle::status)
}

impl<S: Sync> FromRequestParts<S> for RateLimitStatus {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        status(&parts.extensions).ok_or(MissingLayer)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for RateLimitStatus {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(status(&parts.extensions))
    }
}
