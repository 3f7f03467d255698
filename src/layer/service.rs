//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Policy, RequestHead, ResponseBody, ResponseFuture, admit::Admission, decide::Decision};
use crate::limiter::{RateLimiter, Started};

/// The service that [`RateLimitLayer`](super::RateLimitLayer) makes.
///
/// The inner service that was polled ready is the one that is called, once the lease is granted;
/// its readiness is given up where the request is denied.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    limiter: RateLimiter,
    policy: Policy,
}

impl<S> RateLimit<S> {
    /// Limits requests to `inner` by `policy` through `limiter`.
    pub fn new(inner: S, limiter: RateLimiter, policy: Policy) -> Self {
        Self { inner, limiter, policy }
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

impl<S: Clone> RateLimit<S> {
    /// Lets go of what the inner service has reserved for a call that will not come.
    fn give_up_readiness(&mut self) {
        self.inner = self.inner.clone();
    }
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

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.policy.admit(&self.limiter, &RequestHead::from(&request)) {
            Admission::Pass => ResponseFuture::pass(&mut self.inner, request, &self.policy),
            Admission::Answer(response) => {
                self.give_up_readiness();
                ResponseFuture::answer(response)
            }
            Admission::Acquire(Started::Done(result)) => {
                let decision = self.policy.decide(&self.limiter, result);
                if matches!(decision, Decision::Answer(_)) {
                    self.give_up_readiness();
                }
                ResponseFuture::decided(decision, &mut self.inner, request, &self.policy)
            }
            Admission::Acquire(Started::Waiting(lease)) => {
                // The one that is ready serves this request; its clone has yet to become so.
                let next = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, next);
                ResponseFuture::waiting(lease, ready, request, self.limiter.clone(), self.policy.clone())
            }
        }
    }
}
