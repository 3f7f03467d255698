//! Waiting for capacity, first come first served.
//!
//! A request that waits takes its place in the bucket itself. Its write may leave the bucket in
//! debt, at most by the refill of the longest time that the request would wait. The request starts
//! when that debt is refilled. So the bucket keeps the order over all processes, and no request
//! asks twice. Requests that do not wait are denied while the bucket is in debt.
//!
//! A quota has no refill to take in advance. A request that waits for one sleeps until the period ends
//! and asks again then, without a place in the order.
//!
//! | event | store calls |
//! |---|---|
//! | the bucket has the tokens, or will have them in time | those of an acquire |
//! | a quota is short, and its period ends in time | those of an acquire, and of another one at that time |
//! | the bucket will not have them in time | none if that is known, else those of an acquire |
//! | the request is dropped while it waits | the next write of the bucket gives its place back, but not without limit |

use std::{sync::Arc, time::Duration};

use super::{
    Request,
    attempt::{Attempt, StartedAttempt, ask, attempt, marked},
};
use crate::{
    error::{Error, Invalid, QueueFull, Unavailable},
    limiter::{
        lease::Lease,
        runtime::sleep_here,
        terms::{FallbackOptions, Started, Stopwatch, WaitOptions},
    },
    model::LimitStatus,
    store::Ticket,
    telemetry,
};

/// The number of times that one request asks again because a period has ended: others may have taken
/// the tokens of the new one.
const MOST_EDGES: usize = 16;

/// Asks the buckets, and returns the result at once if it needs no waiting.
pub(super) fn start(
    mut request: Request,
    fallback: Arc<FallbackOptions>,
    wait: WaitOptions,
) -> StartedAttempt {
    let begun = Stopwatch::start();
    let ticket = request.waiters().enter(request.key(), wait.waiters);
    if ticket.is_ok() {
        request.set_patience(wait.most);
    }
    let first = match ask(request.clone()) {
        Started::Now(Ok(lease)) if lease.starts_at() <= request.now() => {
            return Started::Now(Ok(marked(lease, &fallback)));
        }
        first => first,
    };
    let lease = wait_for(request, fallback, wait, ticket, begun, first);
    Started::Later(Attempt::Boxed(Box::pin(lease)))
}

/// Waits until the request may start. `ticket` is its place in the queue, or the number of requests
/// that wait already.
async fn wait_for(
    mut request: Request,
    fallback: Arc<FallbackOptions>,
    wait: WaitOptions,
    ticket: Result<Ticket, usize>,
    begun: Stopwatch,
    first: StartedAttempt,
) -> Result<Lease, Error> {
    let mut result = attempt(&request, &fallback, begun, first).await;
    for _ in 0..MOST_EDGES {
        let left = begun.left(wait.most.into());
        let Some(edge) = edge(&result, left).filter(|_| ticket.is_ok()) else {
            break;
        };
        let waited = telemetry::Waited::begin();
        sleep(&request, edge).await?;
        waited.end();
        request.set_patience(left.saturating_sub(edge));
        let begun = Stopwatch::start();
        let again = ask(request.clone());
        result = attempt(&request, &fallback, begun, again).await;
    }
    let mut lease = match (result, &ticket) {
        (Err(Error::Denied(denied)), Err(waiters)) => {
            return Err(QueueFull::new(*waiters, *denied).into());
        }
        (result, _) => result?,
    };
    let wait = lease.starts_at().saturating_sub(request.now());
    if let Some(millis) = u64::try_from(wait).ok().filter(|wait| *wait > 0) {
        let waited = telemetry::Waited::begin();
        let place = WaitingLease(Some(lease));
        sleep(&request, Duration::from_millis(millis)).await?;
        waited.end();
        lease = place.taken()?;
        lease.has_waited(wait);
    }
    Ok(lease)
}

/// Returns the time after which a denied request asks again, `None` if it does not. It asks again if
/// the period of a quota ends within `left`, or if a schedule raises a capacity within that time.
fn edge(result: &Result<Lease, Error>, left: Duration) -> Option<Duration> {
    let Err(Error::Denied(denied)) = result else {
        return None;
    };
    let comes_at_once = |status: &LimitStatus| {
        status.limit.is_quota() || status.requested > status.limit.capacity()
    };
    if denied.degraded || !denied.violated().any(comes_at_once) {
        return None;
    }
    denied.retry_after().filter(|wait| *wait <= left)
}

/// Sleeps until the request may start.
async fn sleep(request: &Request, time: Duration) -> Result<(), Error> {
    match request.timer_in(time) {
        Some(timer) => {
            if timer.ended().await {
                Ok(())
            } else {
                Err(Unavailable::RuntimeGone.into())
            }
        }
        None => {
            if sleep_here(time).await {
                Ok(())
            } else {
                Err(Invalid::NoRuntime.into())
            }
        }
    }
}

/// The lease of a request that waits. Dropping it means that the request was cancelled.
struct WaitingLease(Option<Lease>);

impl WaitingLease {
    fn taken(mut self) -> Result<Lease, Error> {
        self.0.take().ok_or_else(|| Invalid::LeaseClosed.into())
    }
}

impl Drop for WaitingLease {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take() {
            lease.cancel();
        }
    }
}
