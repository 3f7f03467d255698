//! The future of an acquire.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Request,
    start::{Begin, Observed, answer, decide, start_slowly},
};
use crate::{error::Error, limiter::lease::Lease, telemetry::Begun};

/// An acquire that was started.
#[derive(Debug)]
pub(crate) enum Started {
    Done(Result<Lease, Error>),
    Waiting(AcquireFuture),
}

impl Started {
    /// Starts a request, and returns its result at once if it needs no store call.
    #[inline]
    pub(crate) fn begin(request: Request) -> Self {
        let begun = Begun::now();
        match decide(&request) {
            Some(decision) => Self::Done(answer(request, decision, begun)),
            None => match start_slowly(request, begun) {
                Begin::Done(result) => Self::Done(result),
                Begin::Waiting(observed) => Self::Waiting(AcquireFuture(Stage::Waiting(observed))),
            },
        }
    }
}

/// The future of an [`Acquire`](crate::limiter::Acquire).
#[must_use = "a future does nothing until it is awaited"]
pub struct AcquireFuture(Stage);

/// The stage of an acquire.
enum Stage {
    /// It has not been polled yet.
    New(Request),
    /// Its arguments were wrong.
    Refused(Box<Error>),
    /// It waits for an answer.
    Waiting(Box<Observed>),
    /// It has returned its result.
    Done,
}

impl AcquireFuture {
    #[inline]
    pub(crate) fn new(request: Result<Request, Box<Error>>) -> Self {
        Self(match request {
            Ok(request) => Stage::New(request),
            Err(error) => Stage::Refused(error),
        })
    }

    /// Polls an acquire that was not decided at once. It writes its result to `answer`: if it
    /// returned the result, the simplest decision would share that place, and would write it to
    /// memory in pieces and read it at once, which stalls the processor.
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
                Begin::Done(result) => return Poll::Ready(result),
                Begin::Waiting(observed) => Stage::Waiting(observed),
            },
            Stage::Refused(error) => return Poll::Ready(Err(*error)),
            stage => stage,
        };
        match &mut self.0 {
            Stage::Waiting(observed) => observed.poll(cx),
            // It was polled again after it was ready: nothing is left to wait for.
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
