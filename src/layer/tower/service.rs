//! The tower `Service`.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::layer::{
    RequestHead, ResponseBody, ResponseFuture,
    request::{admission::Admission, extensions::Unlimited, outcome::Decision},
    response::answer,
    routes::RoutesSource,
    tower::ending::Ending,
};
use crate::{limiter::RateLimiter, telemetry};

/// The state that all services of a layer share. It is behind one reference count, because routers
/// clone their services for every request.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) limiter: RateLimiter,
    pub(super) routes: RoutesSource,
}

/// The service that [`RateLimitLayer`](crate::layer::RateLimitLayer) creates.
///
/// Once the lease is granted, the service calls the instance of the inner service that was polled
/// ready. If the request is denied, the service replaces that instance by a clone, which gives up
/// its readiness.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    setup: Arc<Setup>,
}

impl<S> RateLimit<S> {
    /// Wraps `inner` so that its requests are limited through `limiter` by `routes`, as
    /// [`RateLimitLayer::new`](crate::layer::RateLimitLayer::new) does.
    pub fn new(inner: S, limiter: RateLimiter, routes: impl Into<RoutesSource>) -> Self {
        let routes = routes.into();
        Self::with_setup(inner, Arc::new(Setup { limiter, routes }))
    }

    pub(super) fn with_setup(inner: S, setup: Arc<Setup>) -> Self {
        Self { inner, setup }
    }

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// Releases what the inner service has reserved for a call, a permit for example, because the call
/// will not come.
fn give_up_readiness<S: Clone>(inner: &mut S) {
    *inner = inner.clone();
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RateLimit<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Body<Data: From<Bytes>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let Self { inner, setup } = self;
        let Setup { limiter, routes } = &**setup;
        let head = RequestHead::from(&request);
        let loaded = routes.load();
        let policy = match loaded.routes().policy(&head) {
            Ok(Some(policy)) => policy,
            Ok(None) => {
                telemetry::passed(true);
                loaded.routes().unlimited().extend(request.extensions_mut());
                return ResponseFuture::unlimited(inner, request, Ending::Nothing);
            }
            Err(missing) => {
                let response = answer::without_policy(&head, &missing);
                give_up_readiness(inner);
                return ResponseFuture::answer(response);
            }
        };
        let (policy, admission) = policy.admit(limiter, &head);
        let lease = match admission {
            Admission::Decided(Decision::Pass(lease)) => lease,
            Admission::Bound(bound, lease) => {
                request.extensions_mut().insert(*bound);
                lease
            }
            Admission::Decided(Decision::Answer(response)) => {
                give_up_readiness(inner);
                return ResponseFuture::answer(*response);
            }
            Admission::Unlimited => {
                Unlimited::by(policy).extend(request.extensions_mut());
                return ResponseFuture::unlimited(inner, request, Ending::unlimited(policy));
            }
            // An outer layer settles the lease of the request.
            Admission::AlreadyLeased => {
                return ResponseFuture::unlimited(inner, request, Ending::Nothing);
            }
            Admission::Waiting(acquire) => {
                // The instance that is ready serves this request. Its clone, which is not ready
                // yet, takes its place.
                let next = inner.clone();
                let ready = std::mem::replace(inner, next);
                return ResponseFuture::waiting(
                    acquire,
                    ready,
                    request,
                    limiter.clone(),
                    policy.clone(),
                );
            }
        };
        ResponseFuture::leased(inner, request, lease)
    }
}
