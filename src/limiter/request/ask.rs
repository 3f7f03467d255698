//! Asks the buckets of a request once, without the options that change the result.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use super::Request;
use crate::{
    error::Error,
    limiter::{
        lease::{
            Lease,
            charge::Charges,
            charging::{Charging, charge},
        },
        terms::{Deadline, Started, Stopwatch},
    },
};

/// The result of a request; or the request, if its buckets have not answered yet.
pub(super) type Asked = Started<Result<Lease, Error>, Asking>;

/// A request that waits for its result.
pub(super) enum Asking {
    /// Waits for the buckets.
    Charging(Box<Charging>, Deadline),
    /// Waits for limits or a parent that are not cached, or for more than one answer.
    Boxed(Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>),
}

/// Asks once.
pub(super) fn ask(request: Request) -> Asked {
    let deadline = request.deadline();
    match request.plan() {
        Ok(Started::Now(charges)) => begin(charges, deadline),
        Ok(Started::Later(request)) => Started::Later(Asking::Boxed(Box::pin(resolve(request)))),
        Err(error) => Started::Now(Err(error)),
    }
}

/// Looks up what is not cached yet, then charges, all within the deadline.
async fn resolve(request: Request) -> Result<Lease, Error> {
    let mut timeout = request.timeout();
    let (begun, deadline) = (Stopwatch::start(), request.deadline());
    let missed = request.clone();
    let mut resolving = std::pin::pin!(request.look_up(true));
    let charges = std::future::poll_fn(|cx| {
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

fn begin(charges: Charges, deadline: Deadline) -> Asked {
    charge(charges, deadline)
        .map(|grants| Ok(Lease::new(grants?, deadline)))
        .map_later(|charging| Asking::Charging(charging, deadline))
}

impl Future for Asking {
    type Output = Result<Lease, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Boxed(future) => future.as_mut().poll(cx),
            Self::Charging(charging, deadline) => {
                let grants = Pin::new(charging).poll(cx);
                grants.map(|grants| Ok(Lease::new(grants?, *deadline)))
            }
        }
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Charging(..) => "Asking::Charging",
            Self::Boxed(_) => "Asking::Boxed",
        })
    }
}
