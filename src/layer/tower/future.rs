//! The response future: waits for the decision, then runs the inner service, then settles the
//! lease.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::layer::{
    Policy, RequestHead, ResponseBody, lease::lease_slot::LeaseSlot, request::outcome::Decision,
    tower::ending::Ending,
};
use crate::limiter::{AcquireFuture, RateLimiter};

pin_project! {
    /// The response future of [`RateLimit`](crate::layer::RateLimit).
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: ResponseState<S, ReqBody, S::Future>,
    }
}

pin_project! {
    #[project = ResponseStateProjection]
    enum ResponseState<S, ReqBody, F> {
        // The acquire waits for the store. This state is boxed to keep futures that do not wait
        // small: futures are moved, and a store call costs a thousand times more than the box.
        Waiting { waiting: Option<Box<Waiting<S, ReqBody>>> },
        // The inner service runs. If the future is dropped in this state, the lease is committed as
        // estimated.
        Running { #[pin] future: F, ending: Ending },
        // The layer answers. The inner service is not called.
        Answer { response: Option<Response<Bytes>> },
    }
}

/// The acquire, and the parts that are needed when it is decided.
struct Waiting<S, ReqBody> {
    acquire: Box<AcquireFuture>,
    service: S,
    request: Request<ReqBody>,
    limiter: RateLimiter,
    policy: Policy,
}

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(crate) fn answer(response: Response<Bytes>) -> Self {
        Self {
            state: ResponseState::Answer {
                response: Some(response),
            },
        }
    }

    pub(crate) fn waiting(
        acquire: Box<AcquireFuture>,
        service: S,
        request: Request<ReqBody>,
        limiter: RateLimiter,
        policy: Policy,
    ) -> Self {
        let waiting = Box::new(Waiting {
            acquire,
            service,
            request,
            limiter,
            policy,
        });
        Self {
            state: ResponseState::Waiting {
                waiting: Some(waiting),
            },
        }
    }

    /// Calls the inner service for a request without a lease.
    pub(crate) fn unlimited(service: &mut S, request: Request<ReqBody>, ending: Ending) -> Self {
        Self {
            state: ResponseState::Running {
                future: service.call(request),
                ending,
            },
        }
    }

    /// Calls the inner service for a request with a lease.
    #[inline(always)]
    pub(crate) fn leased(
        service: &mut S,
        request: Request<ReqBody>,
        lease: Arc<LeaseSlot>,
    ) -> Self {
        Self {
            state: ResponseState::leased(service, request, lease),
        }
    }
}

impl<S, ReqBody> ResponseState<S, ReqBody, S::Future>
where
    S: Service<Request<ReqBody>>,
{
    // Inlined, because a request is large: every call that is not inlined copies it.
    #[inline(always)]
    fn leased(service: &mut S, mut request: Request<ReqBody>, lease: Arc<LeaseSlot>) -> Self {
        lease.policy().mark(&lease, request.extensions_mut());
        let ending = Ending::of(lease, &request);
        let guard = PanicGuard::new(ending.lease());
        let future = service.call(request);
        guard.disarm();
        Self::Running { future, ending }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body<Data: From<Bytes>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                ResponseStateProjection::Running { future, ending } => {
                    let guard = PanicGuard::new(ending.lease());
                    let polled = future.poll(context);
                    guard.disarm();
                    let result = ready!(polled);
                    let ending = std::mem::take(ending);
                    return Poll::Ready(match result {
                        Ok(response) => Ok(ending.settle(response)),
                        Err(error) => {
                            ending.failed();
                            Err(error)
                        }
                    });
                }
                ResponseStateProjection::Waiting { waiting } => {
                    // `waiting` is empty only after a panic of the inner service's `call`. There is
                    // nothing left to wait for.
                    let Some(acquire) = waiting.as_mut().map(|waiting| &mut *waiting.acquire)
                    else {
                        return Poll::Pending;
                    };
                    let result = ready!(Pin::new(acquire).poll(context));
                    let Some(Waiting {
                        mut service,
                        request,
                        limiter,
                        policy,
                        ..
                    }) = waiting.take().map(|all| *all)
                    else {
                        return Poll::Pending;
                    };
                    let decision = policy.decide(&limiter, &RequestHead::from(&request), result);
                    let decided = match decision {
                        Decision::Pass(lease) => {
                            ResponseState::leased(&mut service, request, lease)
                        }
                        Decision::Answer(response) => ResponseState::Answer {
                            response: Some(*response),
                        },
                    };
                    state.set(decided);
                }
                ResponseStateProjection::Answer { response } => {
                    let response = response.take().unwrap_or_default();
                    return Poll::Ready(Ok(response.map(ResponseBody::answer)));
                }
            }
        }
    }
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            ResponseState::Waiting { .. } => "ResponseFuture::Waiting",
            ResponseState::Running { .. } => "ResponseFuture::Running",
            ResponseState::Answer { .. } => "ResponseFuture::Answer",
        })
    }
}

/// Ends a lease as its policy says, unless [`disarm`](Self::disarm) is called before: the inner
/// service has panicked. The panic continues.
#[must_use]
struct PanicGuard<'a>(Option<&'a LeaseSlot>);

impl<'a> PanicGuard<'a> {
    fn new(lease: Option<&'a LeaseSlot>) -> Self {
        Self(lease)
    }

    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for PanicGuard<'_> {
    #[cold]
    fn drop(&mut self) {
        if let Some(lease) = self.0 {
            lease.panicked();
        }
    }
}
