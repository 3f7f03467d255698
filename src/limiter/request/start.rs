//! Starts a request: decides it in memory if possible, and observes it otherwise.

use std::task::{Context, Poll};

use super::{
    Request,
    ask::ask,
    attempt::{attempt, marked},
    progress::Progress,
    waiting,
};
use crate::{
    error::{Error, Unavailable},
    limiter::{
        lease::{Lease, refused},
        terms::Stopwatch,
    },
    model::Denied,
    telemetry::{self, Begun, ObservedAcquire},
};

/// Tries the simplest decision in memory, unless acquires are traced.
#[inline]
pub(super) fn decide(request: &Request) -> Option<Result<i64, Box<Denied>>> {
    if telemetry::traces_acquires() {
        return None;
    }
    request.decide()
}

/// Turns a decision into a lease or an error.
#[inline]
pub(super) fn answer(
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

/// An acquire that was started, and was not decided in the simplest way.
pub(super) enum Begin {
    Done(Result<Lease, Error>),
    Waiting(Box<Observed>),
}

/// Starts an acquire that was not decided in the simplest way.
#[inline(never)]
pub(super) fn start_slowly(request: Request, begun: Begun) -> Begin {
    if telemetry::traces_acquires() {
        return start_observed(request, begun);
    }
    match request.decide_any() {
        None => start_observed(request, begun),
        Some(Err(denied)) => Begin::Done(Err(refused(denied, begun))),
        Some(Ok(shares)) => {
            telemetry::decided_in_memory(begun, request.key().resource, None);
            let lease = request.grant_any(shares);
            Begin::Done(
                lease.ok_or_else(|| Unavailable::Internal("a grant without a bucket").into()),
            )
        }
    }
}

/// Starts an acquire that was not decided in memory, or that is traced.
fn start_observed(request: Request, begun: Begun) -> Begin {
    let watch = request.watch(begun);
    match watch.within(|| start(request)) {
        Progress::Done(result) => {
            watch.decided(false, is_degraded(&result), result.as_ref().err());
            Begin::Done(result)
        }
        progress => Begin::Waiting(Box::new(Observed {
            progress,
            watch: Some(watch),
        })),
    }
}

/// Starts a request as its options say, and returns the result at once if it needs no waiting.
fn start(request: Request) -> Progress {
    let Some(recourse) = request.recourse().cloned() else {
        return ask(request);
    };
    if let Some(wait) = recourse.wait {
        return waiting::start(request, recourse, wait);
    }
    let begun = Stopwatch::start();
    match ask(request.clone()) {
        Progress::Done(Ok(lease)) => Progress::Done(Ok(marked(lease, &recourse))),
        first => Progress::Boxed(Box::pin(async move {
            attempt(&request, &recourse, begun, first).await
        })),
    }
}

/// An acquire whose outcome is reported to the telemetry.
pub(super) struct Observed {
    progress: Progress,
    watch: Option<ObservedAcquire>,
}

impl Observed {
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        let Some(watch) = &self.watch else {
            return Poll::Pending;
        };
        let polled = watch.within(|| self.progress.poll(context));
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
