//! The response future: it waits for the decision, then runs the inner service, then settles the lease.

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

use super::{
    Policy, RequestHead, ResponseBody, answer::Form, body::Tail, decide::Decision, handler_refusal::KeptHead,
    held::Held, unlimited::Unlimited,
};
use crate::limiter::{AcquireFuture, RateLimiter};

pin_project! {
    /// The response future of [`RateLimit`](super::RateLimit).
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, ReqBody, F> {
        // The acquire waits for the store. `Next` is boxed to keep the futures small that do not wait: futures are
        // moved, and a store call costs a thousand times more than the box.
        Waiting { lease: AcquireFuture, next: Option<Box<Next<S, ReqBody>>> },
        // The inner service runs. If the future is dropped in this state, the lease is committed as estimated.
        Running { #[pin] future: F, lease: Option<Running> },
        // The inner service runs without a lease, and its response may have headers or trailers to strip.
        Unlimited { #[pin] future: F, policy: Option<Policy> },
        // The layer answers. The inner service is not called.
        Answer { response: Option<Response<Bytes>> },
    }
}

/// The lease that is settled when the inner service has answered.
struct Running {
    lease: Arc<Held>,
    form: Form,
    kept: Option<Box<KeptHead>>,
}

/// The parts that are needed when the decision is there.
struct Next<S, ReqBody> {
    service: S,
    request: Request<ReqBody>,
    limiter: RateLimiter,
    policy: Policy,
}

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) fn pass(service: &mut S, mut request: Request<ReqBody>, policy: &Policy) -> Self {
        Unlimited::by(policy).extend(request.extensions_mut());
        Self { state: State::unlimited(service, request, policy) }
    }

    /// Returns the inner service's future. An outer layer settles the lease of the request.
    pub(super) fn held(service: &mut S, request: Request<ReqBody>) -> Self {
        Self { state: State::Running { future: service.call(request), lease: None } }
    }

    /// Returns the inner service's future. The layer has no policy for the request.
    pub(super) fn without_policy(service: &mut S, mut request: Request<ReqBody>, unlimited: Unlimited) -> Self {
        unlimited.extend(request.extensions_mut());
        Self { state: State::Running { future: service.call(request), lease: None } }
    }

    pub(super) fn answer(response: Response<Bytes>) -> Self {
        Self { state: State::Answer { response: Some(response) } }
    }

    pub(super) fn waiting(
        lease: AcquireFuture,
        service: S,
        request: Request<ReqBody>,
        limiter: RateLimiter,
        policy: Policy,
    ) -> Self {
        let next = Box::new(Next { service, request, limiter, policy });
        Self { state: State::Waiting { lease, next: Some(next) } }
    }

    pub(super) fn decided(decision: Decision, service: &mut S, request: Request<ReqBody>, policy: &Policy) -> Self {
        Self { state: State::decided(decision, service, request, policy) }
    }
}

impl<S, ReqBody> State<S, ReqBody, S::Future>
where
    S: Service<Request<ReqBody>>,
{
    fn unlimited(service: &mut S, request: Request<ReqBody>, policy: &Policy) -> Self {
        let future = service.call(request);
        match policy.rules.settlement.strips() {
            false => Self::Running { future, lease: None },
            true => Self::Unlimited { future, policy: Some(policy.clone()) },
        }
    }

    fn decided(decision: Decision, service: &mut S, mut request: Request<ReqBody>, policy: &Policy) -> Self {
        match decision {
            Decision::Granted(lease) => {
                policy.mark(&lease, request.extensions_mut());
                let (form, kept) = (Form::from(&request), policy.keep(&request));
                let unwinding = OnPanic(&lease);
                let future = service.call(request);
                unwinding.survived();
                Self::Running { future, lease: Some(Running { lease, form, kept }) }
            }
            Decision::Answer(response) => Self::Answer { response: Some(response) },
        }
    }
}

/// Does with a lease what its policy says if the inner service panics. The panic continues.
struct OnPanic<'a>(&'a Held);

impl OnPanic<'_> {
    fn survived(self) {
        std::mem::forget(self);
    }
}

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.panicked();
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
                StateProjection::Waiting { lease, next } => {
                    if next.is_none() {
                        // `next` is empty only after a panic of the inner service's `call`. There is nothing left to
                        // wait for.
                        return Poll::Pending;
                    }
                    let result = ready!(Pin::new(lease).poll(context));
                    let Some(next) = next.take() else {
                        return Poll::Pending;
                    };
                    let Next { mut service, request, limiter, policy } = *next;
                    let decision = policy.decide(&limiter, &RequestHead::from(&request), result);
                    let decided = State::decided(decision, &mut service, request, &policy);
                    state.set(decided);
                }
                StateProjection::Running { future, lease } => {
                    let unwinding = lease.as_ref().map(|running| OnPanic(&running.lease));
                    let polled = future.poll(context);
                    // `poll` did not panic.
                    std::mem::forget(unwinding);
                    return Poll::Ready(match (ready!(polled), lease.take()) {
                        (Ok(response), None) => Ok(response.map(|body| ResponseBody::inner(body, None))),
                        (Ok(response), Some(running)) => Ok(settled(response, running)),
                        (Err(error), lease) => {
                            if let Some(Running { lease, .. }) = lease {
                                lease.failed();
                            }
                            Err(error)
                        }
                    });
                }
                StateProjection::Unlimited { future, policy } => {
                    let response = ready!(future.poll(context));
                    return Poll::Ready(response.map(|response| stripped(response, policy.take())));
                }
                StateProjection::Answer { response } => {
                    let response = response.take().unwrap_or_default();
                    return Poll::Ready(Ok(response.map(ResponseBody::answer)));
                }
            }
        }
    }
}

/// Settles the lease by the response's head. If a handle still holds the lease, or a rule looks at the body, the lease
/// stays open until the body ends.
fn settled<B: Body>(mut response: Response<B>, running: Running) -> Response<ResponseBody<B>> {
    let Running { lease, form, kept } = running;
    if let Some(answer) = lease.policy().answer_handler(&lease, form, kept.as_deref(), &mut response) {
        return answer.map(ResponseBody::answer);
    }
    // The extensions of the kept request may contain a `LeaseHandle`, which would count as a handle that is still held.
    drop(kept);
    lease.policy().settle(&lease, &mut response);
    let tail = Tail::new(lease, &response);
    response.map(|body| ResponseBody::inner(body, tail))
}

/// Strips headers and trailers that clients need not see from a response without a lease.
fn stripped<B: Body>(mut response: Response<B>, policy: Option<Policy>) -> Response<ResponseBody<B>> {
    let tail = policy.and_then(|policy| {
        policy.strip(&mut response);
        Tail::unlimited(policy, &response)
    });
    response.map(|body| ResponseBody::inner(body, tail))
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "ResponseFuture::Waiting",
            State::Running { .. } | State::Unlimited { .. } => "ResponseFuture::Running",
            State::Answer { .. } => "ResponseFuture::Answer",
        })
    }
}
