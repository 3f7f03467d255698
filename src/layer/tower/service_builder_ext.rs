//! Adds rate limits to the middleware stack of a `tower::ServiceBuilder`.

use tower::{ServiceBuilder, layer::util::Stack};

use crate::layer::{RateLimitLayer, RoutesSource};
use crate::limiter::RateLimiter;

/// Adds rate limits to [`tower::ServiceBuilder`] (feature `tower`).
///
/// ```
/// use axum::{Router, routing::get};
/// use tollgate::{Limit, RateLimiter, ServiceBuilderExt, layer::{Policy, keys}};
/// use tower::ServiceBuilder;
///
/// let policy = Policy::builder()
///     .entity(keys::hashed_header("x-api-key"))
///     .resource(keys::fixed("api"))
///     .limit(Limit::per_minute("rpm", 60))
///     .build()?;
/// let middleware = ServiceBuilder::new()
///     // Layers above the limit see every request, also denied ones.
///     .rate_limit_by(RateLimiter::memory(), policy)
///     // Layers below the limit see only granted requests.
///     .concurrency_limit(100);
/// let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(middleware);
/// # Ok::<(), tollgate::layer::InvalidPolicy>(())
/// ```
///
/// The trait is sealed, so that it can get more methods.
pub trait ServiceBuilderExt<L>: sealed::SealedBuilder<L> + Sized {
    /// Limits requests through `limiter` by `routes`, as [`RateLimitLayer::new`] does.
    fn rate_limit_by(
        self,
        limiter: RateLimiter,
        routes: impl Into<RoutesSource>,
    ) -> ServiceBuilder<Stack<RateLimitLayer, L>>;
}

impl<L> ServiceBuilderExt<L> for ServiceBuilder<L> {
    fn rate_limit_by(
        self,
        limiter: RateLimiter,
        routes: impl Into<RoutesSource>,
    ) -> ServiceBuilder<Stack<RateLimitLayer, L>> {
        self.layer(RateLimitLayer::new(limiter, routes))
    }
}

mod sealed {
    pub trait SealedBuilder<L> {}

    impl<L> SealedBuilder<L> for tower::ServiceBuilder<L> {}
}
