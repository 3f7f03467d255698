//! Changing the routes while the service runs.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::Routes;

/// Changes the routes of layers while they serve:
/// [`RateLimitLayer::swappable`](crate::RateLimitLayer::swappable). Clones are the same handle.
///
/// All clones of the layer, and all services that it has made, see a change with their next request.
/// Requests under way end by the policy that they began with. Nothing is locked.
///
/// A new policy goes by the same buckets as the old one where entity and resource are the same: a
/// bucket whose limits change keeps what it holds, up to the new capacity.
///
/// ```
/// use tollgate::{
///     Limit, RateLimitLayer, RateLimiter,
///     layer::{Policy, routes::RoutesHandle},
/// };
///
/// let handle = RoutesHandle::new(Policy::per_ip(Limit::per_second("rps", 10)));
/// let layer = RateLimitLayer::swappable(RateLimiter::memory(), &handle);
/// // Later, from wherever the news comes:
/// let before = handle.swap(Policy::per_ip(Limit::per_second("rps", 20)));
/// ```
#[derive(Clone)]
pub struct RoutesHandle {
    routes: Arc<ArcSwap<Routes>>,
}

impl RoutesHandle {
    /// A handle of `routes`, or of one policy for all requests.
    pub fn new(routes: impl Into<Routes>) -> Self {
        Self { routes: Arc::new(ArcSwap::from_pointee(routes.into())) }
    }

    /// Puts `routes` in the place of the current ones, which it returns.
    pub fn swap(&self, routes: impl Into<Routes>) -> Routes {
        Routes::clone(&self.routes.swap(Arc::new(routes.into())))
    }

    /// The routes that hold now.
    pub fn current(&self) -> Routes {
        Routes::clone(&self.routes.load())
    }
}

impl fmt::Debug for RoutesHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoutesHandle").field(&**self.routes.load()).finish()
    }
}

/// Where a layer has its routes from.
#[derive(Clone, Debug)]
pub(in crate::layer) enum Source {
    Fixed(Routes),
    Handle(RoutesHandle),
}

/// The routes that hold for one request.
pub(in crate::layer) enum Loaded<'a> {
    Fixed(&'a Routes),
    Handle(Guard<Arc<Routes>>),
}

impl Source {
    #[inline]
    pub(in crate::layer) fn load(&self) -> Loaded<'_> {
        match self {
            Self::Fixed(routes) => Loaded::Fixed(routes),
            Self::Handle(handle) => Loaded::Handle(handle.routes.load()),
        }
    }
}

impl Loaded<'_> {
    #[inline]
    pub(in crate::layer) fn routes(&self) -> &Routes {
        match self {
            Self::Fixed(routes) => routes,
            Self::Handle(routes) => routes,
        }
    }
}
