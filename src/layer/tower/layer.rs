//! The tower `Layer`.

use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use crate::layer::{
    Policy, RateLimit, keys::ClientIp, routes::RoutesSource, tower::service::Setup,
};
use crate::{limiter::RateLimiter, model::Limit};

/// A tower layer that acquires a lease before the inner service runs. Clones share the limiter and
/// the routes.
///
/// ```
/// use axum::{Router, routing::get};
/// use tollgate::{Limit, RateLimitLayer};
///
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(RateLimitLayer::per_ip(Limit::per_second("rps", 10)));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is added to a service"]
pub struct RateLimitLayer {
    setup: Arc<Setup>,
}

impl RateLimitLayer {
    /// Limits requests through `limiter` by `routes`, which are one [`Policy`] for all requests or
    /// a [table](crate::layer::routes). With a [`&RoutesHandle`](crate::layer::RoutesHandle), the
    /// routes can be replaced while the layer serves: each request uses the routes that the handle
    /// has then, and takes no lock to load them.
    pub fn new(limiter: RateLimiter, routes: impl Into<RoutesSource>) -> Self {
        let routes = routes.into();
        Self {
            setup: Arc::new(Setup { limiter, routes }),
        }
    }

    /// Applies `limit` to each peer address. The buckets are in this process's memory.
    ///
    /// Serve the router with `into_make_service_with_connect_info::<SocketAddr>()`, or put a
    /// [`PeerAddr`](crate::layer::keys::PeerAddr) into the requests' extensions. For a limit that
    /// holds across machines, use [`per_ip_shared`](Self::per_ip_shared).
    pub fn per_ip(limit: Limit) -> Self {
        Self::per_ip_shared(RateLimiter::memory(), limit)
    }

    /// Applies `limit` to each peer address, through a limiter that all processes share. Otherwise
    /// like [`per_ip`](Self::per_ip). For more settings, use [`new`](Self::new) with a [`Policy`].
    ///
    /// ```no_run
    /// use axum::{Router, routing::get};
    /// use tollgate::{Limit, RateLimitLayer, RateLimiter};
    ///
    /// # async fn serve() -> Result<(), tollgate::Error> {
    /// let limiter = RateLimiter::open().stack("rate-limits").await?;
    /// let app: Router = Router::new()
    ///     .route("/", get(|| async { "hello" }))
    ///     .layer(RateLimitLayer::per_ip_shared(limiter, Limit::per_second("rps", 10)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn per_ip_shared(limiter: RateLimiter, limit: Limit) -> Self {
        Self::new(limiter, Policy::per_ip(limit))
    }

    /// Applies `limit` to each client address behind proxies. The buckets are in this process's
    /// memory.
    ///
    /// ```
    /// use tollgate::{Limit, RateLimitLayer, layer::keys::{ClientIp, TrustedProxies}};
    ///
    /// // One load balancer, which no client can bypass.
    /// let client = ClientIp::x_forwarded_for(TrustedProxies::hops(1));
    /// let layer = RateLimitLayer::per_client_ip(client, Limit::per_second("rps", 10));
    /// ```
    pub fn per_client_ip(client: ClientIp, limit: Limit) -> Self {
        Self::new(RateLimiter::memory(), Policy::per_client_ip(client, limit))
    }
}

impl RateLimitLayer {
    /// Returns the headers that responses may have because of the layer's current routes:
    /// see [`Routes::exposed_headers`](crate::layer::Routes::exposed_headers).
    pub fn exposed_headers(&self) -> Vec<HeaderName> {
        self.setup.routes.load().routes().exposed_headers()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::with_setup(inner, self.setup.clone())
    }
}
