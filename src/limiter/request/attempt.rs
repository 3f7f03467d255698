//! Attempts of a request: one question to its buckets, and the options that change the result,
//! which are local limits while the store is down and limits that only observe.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{Request, local_limits, outage};
use crate::{
    error::{Error, Unavailable},
    limiter::{
        lease::{
            Lease,
            charge::Charges,
            charging::{Charging, charge},
        },
        terms::{Deadline, FallbackOptions, Shadow, Started, Stopwatch},
    },
    model::{Denied, LimitStatus},
    telemetry,
};

/// The result of a request; or the request, if its buckets have not answered yet.
pub(super) type StartedAttempt = Started<Result<Lease, Error>, Attempt>;

/// A request that waits for its result.
pub(super) enum Attempt {
    /// Waits for the buckets.
    Charging(Box<Charging>, Deadline),
    /// Waits for limits or a parent that are not cached, or for more than one answer.
    Boxed(Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>),
}

/// Starts a request that passes if the store is down.
pub(super) fn start_or_pass(
    request: Request,
    start: impl FnOnce(Request) -> StartedAttempt,
) -> StartedAttempt {
    match start(request.clone()) {
        Started::Now(result) => Started::Now(outage::decided(&request, result)),
        Started::Later(attempt) => Started::Later(Attempt::Boxed(Box::pin(async move {
            outage::decided(&request, attempt.await)
        }))),
    }
}

/// Asks once.
pub(super) fn ask(request: Request) -> StartedAttempt {
    let deadline = request.deadline();
    match request.plan() {
        Ok(Started::Now(charges)) => begin(charges, deadline),
        Ok(Started::Later(request)) => Started::Later(Attempt::Boxed(Box::pin(resolve(request)))),
        Err(error) => Started::Now(Err(error)),
    }
}

/// Looks up what is not cached yet, then charges, all within the deadline. The look-up may be the
/// first one that shows that requests pass if the store is down.
async fn resolve(request: Request) -> Result<Lease, Error> {
    let asked = request.clone();
    outage::decided(&asked, looked_up(request).await)
}

async fn looked_up(request: Request) -> Result<Lease, Error> {
    let mut timeout = request.timeout();
    let (begun, deadline) = (Stopwatch::start(), request.deadline());
    let missed = request.clone();
    let mut resolving = pin!(request.look_up(true));
    let charges = poll_fn(|cx| {
        if let Poll::Ready(charges) = resolving.as_mut().poll(cx) {
            return Poll::Ready(charges);
        }
        match &mut timeout {
            Some(timeout) => Pin::new(timeout)
                .poll(cx)
                .map(|()| Err(missed.missed_deadline().into())),
            None => Poll::Pending,
        }
    })
    .await?;
    begin(charges, begun.left(deadline).into()).result().await
}

fn begin(charges: Charges, deadline: Deadline) -> StartedAttempt {
    charge(charges, deadline)
        .map(|granted| Ok(Lease::new(granted?, deadline)))
        .map_later(|charging| Attempt::Charging(charging, deadline))
}

impl Future for Attempt {
    type Output = Result<Lease, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Boxed(future) => future.as_mut().poll(cx),
            Self::Charging(charging, deadline) => {
                let granted = Pin::new(charging).poll(cx);
                granted.map(|granted| Ok(Lease::new(granted?, *deadline)))
            }
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Charging(..) => "Attempt::Charging",
            Self::Boxed(_) => "Attempt::Boxed",
        })
    }
}

/// Asks once: the store, or this process if the store is down. If only observing limits deny the
/// request, it asks again without them, within the same deadline. `first` is the first question,
/// which began at `begun`.
pub(super) async fn attempt(
    request: &Request,
    fallback: &Arc<FallbackOptions>,
    begun: Stopwatch,
    first: StartedAttempt,
) -> Result<Lease, Error> {
    match locally_if_down(request, fallback, first).await {
        Ok(lease) => Ok(marked(lease, fallback)),
        Err(error) if matches!(fallback.shadow, Shadow::Limits(_)) => {
            without_shadow(request, fallback, begun, error).await
        }
        Err(error) => Err(error),
    }
}

/// Waits for an answer. If the store is down and the request has a local share, this process
/// decides by that share.
async fn locally_if_down(
    request: &Request,
    fallback: &FallbackOptions,
    started: StartedAttempt,
) -> Result<Lease, Error> {
    match (started.result().await, fallback.local) {
        (Err(Error::Unavailable(error)), Some(share)) => {
            local_limits::acquire(request, share, error)
        }
        (asked, _) => asked,
    }
}

/// Asks again without the limits that only observe, if no other limit denies the request.
async fn without_shadow(
    request: &Request,
    fallback: &Arc<FallbackOptions>,
    begun: Stopwatch,
    error: Error,
) -> Result<Lease, Error> {
    let covers = |status: &LimitStatus| fallback.shadow.covers(status.limit.name());
    // A limit denies a request that waits only if the limit needs longer than the request waits.
    let denies = |status: &LimitStatus| {
        status
            .retry_after
            .is_none_or(|after| after > request.longest_wait())
    };
    let limits = match error {
        Error::Denied(denied)
            if denied
                .violated()
                .any(|status| !covers(status) && denies(status))
                || !denied.violated().any(covers) =>
        {
            return Err(enforced(*denied, fallback).into());
        }
        Error::Denied(denied) => denied.limits,
        // No write was planned for the request, so no state was seen: look at the limits now.
        Error::ExceedsCapacity(error) if fallback.shadow.covers(&error.limit) => {
            within(request, begun, request.clone().glance()).await?
        }
        error => return Err(error),
    };
    let mut rest = request.clone();
    for status in limits.iter().filter(|status| covers(status)) {
        rest.leave_alone(status);
    }
    rest.set_deadline(begun.left(request.deadline()).into());
    let lease = match locally_if_down(&rest, fallback, ask(rest.clone())).await {
        Ok(lease) => lease,
        Err(Error::Denied(denied)) => return Err(enforced(*denied, fallback).into()),
        Err(error) => return Err(error),
    };
    let short: Vec<_> = limits
        .into_iter()
        .filter(|status| covers(status) && status.exceeded())
        .collect();
    telemetry::shadow_denial(lease.resource(), &short);
    let mut lease = marked(lease, fallback);
    lease.observe(short, true);
    Ok(lease)
}

/// Returns the denial with the observing limits shown as not denying.
fn enforced(mut denied: Denied, fallback: &FallbackOptions) -> Denied {
    for status in &mut denied.limits {
        if fallback.shadow.covers(status.limit.name()) {
            status.requested = 0;
            status.retry_after = Some(Duration::ZERO);
        }
    }
    denied
}

/// Lets the lease know which of its limits only observe.
pub(super) fn marked(mut lease: Lease, fallback: &Arc<FallbackOptions>) -> Lease {
    if !fallback.shadow.is_none() {
        lease.has_shadow(fallback.clone());
    }
    lease
}

/// Waits for `work` until the deadline of the request.
async fn within<T>(
    request: &Request,
    begun: Stopwatch,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(mut timeout) = request.timeout_in(begun.left(request.deadline())) else {
        return work.await;
    };
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(result) = work.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        Pin::new(&mut timeout)
            .poll(cx)
            .map(|()| Err(Unavailable::Deadline.into()))
    })
    .await
}
