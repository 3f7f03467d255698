//! The state that all services of a layer share.

use crate::{layer::routes::RoutesSource, limiter::RateLimiter};

/// The state that all services of a layer share. This state is behind one reference count, because
/// routers clone their services for every request.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) limiter: RateLimiter,
    pub(super) routes: RoutesSource,
}
