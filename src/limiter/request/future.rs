//! Starts a request: decides it in memory if possible, and observes it otherwise.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Request, Target,
    attempt::{Attempt, StartedAttempt, ask, attempt, marked, start_or_pass},
    in_memory::refused,
    waiting,
};
use crate::{
    error::{Error, Unavailable},
    limiter::{
        lease::Lease,
        terms::{Started, Stopwatch},
    },
    model::Denied,
    telemetry::{self, Begun, ObservedAcquire},
};

/// The future of an [`Acquire`](crate::limiter::Acquire).
#[must_use = "a future does nothing until it is awaited"]
pub struct AcquireFuture(Stage);

/// The stage of an acquire.
enum Stage {
    /// The acquire has not been polled yet.
    New(Request),
    /// The arguments of the acquire were wrong.
    Refused(Box<Error>),
    /// The acquire waits for an answer.
    Waiting(Box<Observed>),
    /// The acquire has returned its result.
    Done,
}

impl Request {
    /// Starts the request, and returns its result at once if it needs no store call.
    #[inline]
    pub(crate) fn start(self) -> Started<Result<Lease, Error>, AcquireFuture> {
        let begun = Begun::now();
        match decide(&self) {
            Some(decision) => Started::Now(answer(self, decision, begun)),
            None => start_slowly(self, begun)
                .map_later(|observed| AcquireFuture(Stage::Waiting(observed))),
        }
    }
}

impl AcquireFuture {
    #[inline]
    pub(crate) fn new(request: Result<Request, Box<Error>>) -> Self {
        Self(match request {
            Ok(request) => Stage::New(request),
            Err(error) => Stage::Refused(error),
        })
    }

    /// Polls an acquire that was not decided at once, and writes its result to `answer`. If this
    /// function returned the result, the result of the simplest decision would share that place in
    /// memory. That result would be written there field by field and read at once as a whole, which
    /// stalls the processor.
    #[inline(never)]
    fn poll_slowly(
        &mut self,
        cx: &mut Context<'_>,
        begun: Begun,
        answer: &mut Poll<Result<Lease, Error>>,
    ) {
        *answer = self.poll_any(cx, begun);
    }

    #[inline(always)]
    fn poll_any(&mut self, cx: &mut Context<'_>, begun: Begun) -> Poll<Result<Lease, Error>> {
        self.0 = match std::mem::replace(&mut self.0, Stage::Done) {
            Stage::New(request) => match start_slowly(request, begun) {
                Started::Now(result) => return Poll::Ready(result),
                Started::Later(observed) => Stage::Waiting(observed),
            },
            Stage::Refused(error) => return Poll::Ready(Err(*error)),
            stage => stage,
        };
        match &mut self.0 {
            Stage::Waiting(observed) => observed.poll(cx),
            // The acquire was polled again after it was ready: nothing is left to wait for.
            Stage::New(_) | Stage::Refused(_) | Stage::Done => Poll::Pending,
        }
    }
}

impl Future for AcquireFuture {
    type Output = Result<Lease, Error>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = Begun::now();
        if let Stage::New(request) = &self.0
            && let Some(decision) = decide(request)
            && let Stage::New(request) = std::mem::replace(&mut self.0, Stage::Done)
        {
            return Poll::Ready(answer(request, decision, begun));
        }
        let mut slow = Poll::Pending;
        self.poll_slowly(cx, begun, &mut slow);
        slow
    }
}

impl fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::New(_) => "AcquireFuture::New",
            Stage::Refused(_) => "AcquireFuture::Refused",
            Stage::Waiting(_) => "AcquireFuture::Waiting",
            Stage::Done => "AcquireFuture::Done",
        })
    }
}

/// Tries the simplest decision in memory, unless acquires are traced.
#[inline]
fn decide(request: &Request) -> Option<Result<i64, Box<Denied>>> {
    if matches!(request.target, Target::Gated(_)) || telemetry::traces_acquires() {
        return None;
    }
    request.decide()
}

/// Turns a decision into a lease or an error.
#[inline]
fn answer(
    request: Request,
    decision: Result<i64, Box<Denied>>,
    begun: Begun,
) -> Result<Lease, Error> {
    match decision {
        Err(denied) => Err(refused(denied, begun)),
        Ok(left) => {
            telemetry::decided_in_memory(begun, request.key().resource, None);
            request
                .grant(left)
                .ok_or_else(|| Unavailable::Internal("a grant without a bucket").into())
        }
    }
}

/// Starts a request that was not decided in the simplest way.
#[inline(never)]
fn start_slowly(request: Request, begun: Begun) -> Started<Result<Lease, Error>, Box<Observed>> {
    if matches!(request.target, Target::Gated(_)) || telemetry::traces_acquires() {
        return start_observed(request, begun);
    }
    match request.decide_any() {
        None => start_observed(request, begun),
        Some(Err(denied)) => Started::Now(Err(refused(denied, begun))),
        Some(Ok(shares)) => {
            telemetry::decided_in_memory(begun, request.key().resource, None);
            let lease = request.grant_any(shares);
            Started::Now(
                lease.ok_or_else(|| Unavailable::Internal("a grant without a bucket").into()),
            )
        }
    }
}

/// Starts a request whose bucket is in a store, that was not decided in memory, or that is traced.
fn start_observed(request: Request, begun: Begun) -> Started<Result<Lease, Error>, Box<Observed>> {
    let watch = request.observe(begun);
    match watch.within(|| start(request)) {
        Started::Now(result) => {
            watch.decided(false, is_degraded(&result), result.as_ref().err());
            Started::Now(result)
        }
        Started::Later(attempt) => Started::Later(Box::new(Observed {
            attempt,
            watch: Some(watch),
        })),
    }
}

/// Starts a request as its options say, and returns the result at once if it needs no waiting.
fn start(request: Request) -> StartedAttempt {
    if request.passes_outages() {
        start_or_pass(request, start_limited)
    } else {
        start_limited(request)
    }
}

fn start_limited(request: Request) -> StartedAttempt {
    let Some(fallback) = request.fallback().cloned() else {
        return ask(request);
    };
    if let Some(wait) = fallback.wait {
        return waiting::start(request, fallback, wait);
    }
    let begun = Stopwatch::start();
    match ask(request.clone()) {
        Started::Now(Ok(lease)) => Started::Now(Ok(marked(lease, &fallback))),
        first => Started::Later(Attempt::Boxed(Box::pin(async move {
            attempt(&request, &fallback, begun, first).await
        }))),
    }
}

/// An acquire whose outcome is reported to the telemetry.
struct Observed {
    attempt: Attempt,
    watch: Option<ObservedAcquire>,
}

impl Observed {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        let Some(watch) = &self.watch else {
            return Poll::Pending;
        };
        let polled = watch.within(|| Pin::new(&mut self.attempt).poll(cx));
        if let (Poll::Ready(result), Some(watch)) =
            (&polled, self.watch.take_if(|_| polled.is_ready()))
        {
            watch.decided(true, is_degraded(result), result.as_ref().err());
        }
        polled
    }
}

/// Returns `true` if the result is not a decision of the store.
fn is_degraded(result: &Result<Lease, Error>) -> bool {
    match result {
        Ok(lease) => lease.is_degraded(),
        Err(Error::Denied(denied)) => denied.degraded,
        Err(Error::Unavailable(_)) => true,
        Err(_) => false,
    }
}
