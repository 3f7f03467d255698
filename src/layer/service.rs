//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Policy, RefusalReason, RequestHead, ResponseBody, ResponseFuture,
    admit::Admission,
    answer,
    decide::Decision,
    held::Holder,
    rate_limit_layer::{RateLimitLayer, Setup},
    routes::{Loaded, Routes},
};
use crate::{
    limiter::{RateLimiter, Started},
    telemetry,
};

/// The service that [`RateLimitLayer`](super::RateLimitLayer) makes.
///
/// The inner service that was polled ready is the one that is called, once the lease is granted;
/// its readiness is given up where the request is denied.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    setup: Arc<Setup>,
}

impl<S> RateLimit<S> {
    /// Limits requests to `inner` by `routes`, or by one policy, through `limiter`.
    pub fn new(inner: S, limiter: RateLimiter, routes: impl Into<Routes>) -> Self {
        RateLimitLayer::new(limiter, routes).layer(inner)
    }

    pub(super) fn with_setup(inner: S, setup: Arc<Setup>) -> Self {
        Self { inner, setup }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service, to change.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, unwrapped.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// Lets go of what the inner service has reserved for a call that will not come.
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

    // What most requests are stands in place, and all else apart: both are shorter for it.
    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let Setup { limiter, routes } = &*self.setup;
        if let Loaded::Fixed(routes) = routes.load()
            && let Some(policy) = routes.only()
            && policy.rules.plain.settlement
            && let Some(decision) = policy.admit_peer(limiter, &RequestHead::from(&request))
        {
            return match decision {
                Ok(single) => ResponseFuture::plain(&mut self.inner, request, single, policy),
                Err(denied) => {
                    let denied = Admission::Acquire(Started::Done(Err(denied)));
                    carry_out(denied, &mut self.inner, request, limiter, policy)
                }
            };
        }
        self.call_any(request)
    }
}

impl<S> RateLimit<S> {
    #[inline(never)]
    fn call_any<ReqBody>(&mut self, request: Request<ReqBody>) -> ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>> + Clone,
    {
        let Self { inner, setup } = self;
        let Setup { limiter, routes } = &**setup;
        let head = RequestHead::from(&request);
        let loaded = routes.load();
        let policy = match loaded.routes().policy(&head) {
            Ok(Some(policy)) => policy,
            Ok(None) => {
                telemetry::passed(true);
                let unlimited = loaded.routes().unlimited();
                return ResponseFuture::without_policy(inner, request, unlimited);
            }
            Err(missing) => {
                let response = answer::without_policy(&head, RefusalReason::MissingKey(&missing));
                give_up_readiness(inner);
                return ResponseFuture::answer(response);
            }
        };
        let (policy, admission) = policy.admit(limiter, &head);
        carry_out(admission, inner, request, limiter, policy)
    }
}

/// Does with a request what its admission says.
#[inline(never)]
fn carry_out<S, ReqBody>(
    admission: Admission,
    inner: &mut S,
    mut request: Request<ReqBody>,
    limiter: &RateLimiter,
    policy: &Policy,
) -> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>> + Clone,
{
    match admission {
        Admission::Pass => ResponseFuture::pass(inner, request, policy),
        Admission::Held => ResponseFuture::held(inner, request),
        Admission::Answer(response) => {
            give_up_readiness(inner);
            ResponseFuture::answer(response)
        }
        Admission::Uncharged(holder) => ResponseFuture::decided(Decision::Granted(*holder), inner, request, policy),
        Admission::Bind(bound) => {
            let (bound, holder) = *bound;
            request.extensions_mut().insert(bound);
            ResponseFuture::decided(Decision::Granted(holder), inner, request, policy)
        }
        Admission::Single(single) if policy.rules.plain.settlement => {
            ResponseFuture::plain(inner, request, single, policy)
        }
        Admission::Single(single) => {
            let granted = Decision::Granted(Holder::new(single.into_lease(), policy.clone()));
            ResponseFuture::decided(granted, inner, request, policy)
        }
        Admission::Acquire(Started::Done(result)) => {
            let decision = policy.decide(limiter, &RequestHead::from(&request), result);
            if matches!(decision, Decision::Answer(_)) {
                give_up_readiness(inner);
            }
            ResponseFuture::decided(decision, inner, request, policy)
        }
        Admission::Acquire(Started::Waiting(lease)) => {
            // The one that is ready serves this request; its clone has yet to become so.
            let next = inner.clone();
            let ready = std::mem::replace(inner, next);
            ResponseFuture::waiting(lease, ready, request, limiter.clone(), policy.clone())
        }
    }
}
