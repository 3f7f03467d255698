//! The handle that changes the routes while the service runs.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::Routes;
use crate::layer::Policy;

/// Changes the routes of layers while they serve requests: give a reference to
/// [`RateLimitLayer::new`](crate::RateLimitLayer::new). All clones of a handle change the same
/// routes.
///
/// All clones of the layer, and all services that it has made, see a change with their next
/// request. Requests in flight finish under the policy that they started with. No lock is taken.
///
/// If the entity and the resource are the same, a new policy uses the same buckets as the old one.
/// If the limits of a bucket change, it keeps its tokens, up to the new capacity.
///
/// ```
/// use tollgate::{
///     Limit, RateLimitLayer, RateLimiter,
///     layer::{Policy, routes::RoutesHandle},
/// };
///
/// let handle = RoutesHandle::new(Policy::per_ip(Limit::per_second("rps", 10)));
/// let layer = RateLimitLayer::new(RateLimiter::memory(), &handle);
/// // Later, when the configuration changes:
/// let before = handle.swap(Policy::per_ip(Limit::per_second("rps", 20)));
/// ```
#[derive(Clone)]
pub struct RoutesHandle {
    routes: Arc<ArcSwap<Routes>>,
}

impl RoutesHandle {
    /// Creates a handle for `routes`, or for one policy for all requests.
    pub fn new(routes: impl Into<Routes>) -> Self {
        Self {
            routes: Arc::new(ArcSwap::from_pointee(routes.into())),
        }
    }

    /// Replaces the current routes, and returns them.
    pub fn swap(&self, routes: impl Into<Routes>) -> Routes {
        Routes::clone(&self.routes.swap(Arc::new(routes.into())))
    }

    /// Returns the current routes.
    pub fn current(&self) -> Routes {
        Routes::clone(&self.routes.load())
    }
}

impl fmt::Debug for RoutesHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoutesHandle")
            .field(&**self.routes.load())
            .finish()
    }
}

/// The source of a layer's routes: [`Routes`], one [`Policy`] for all requests, or a
/// [`RoutesHandle`], whose current routes apply to each request.
#[derive(Clone, Debug)]
pub struct RoutesSource(SourceKind);

#[derive(Clone, Debug)]
enum SourceKind {
    Fixed(Routes),
    Handle(RoutesHandle),
}

impl From<Routes> for RoutesSource {
    fn from(routes: Routes) -> Self {
        Self(SourceKind::Fixed(routes))
    }
}

impl From<Policy> for RoutesSource {
    fn from(policy: Policy) -> Self {
        Routes::from(policy).into()
    }
}

impl From<RoutesHandle> for RoutesSource {
    fn from(handle: RoutesHandle) -> Self {
        Self(SourceKind::Handle(handle))
    }
}

impl From<&RoutesHandle> for RoutesSource {
    fn from(handle: &RoutesHandle) -> Self {
        handle.clone().into()
    }
}

/// The routes that apply to one request.
pub(crate) enum Loaded<'a> {
    Fixed(&'a Routes),
    Handle(Guard<Arc<Routes>>),
}

impl RoutesSource {
    #[inline]
    pub(crate) fn load(&self) -> Loaded<'_> {
        match &self.0 {
            SourceKind::Fixed(routes) => Loaded::Fixed(routes),
            SourceKind::Handle(handle) => Loaded::Handle(handle.routes.load()),
        }
    }
}

impl Loaded<'_> {
    #[inline]
    pub(crate) fn routes(&self) -> &Routes {
        match self {
            Self::Fixed(routes) => routes,
            Self::Handle(routes) => routes,
        }
    }
}
