//! Asks the buckets of a request once.

use std::{pin::Pin, task::Poll};

use super::{ChargePlan, Request, progress::Progress};
use crate::{
    error::Error,
    limiter::{
        lease::{
            Lease,
            charge::Charges,
            charging::{Charged, charge},
        },
        terms::{Deadline, Stopwatch},
    },
};

/// Asks once, without the options that change the result.
pub(crate) fn ask(request: Request) -> Progress {
    let deadline = request.deadline();
    match request.plan() {
        Ok(ChargePlan::Now(charges)) => begin(charges, deadline),
        Ok(ChargePlan::Later(request)) => Progress::Boxed(Box::pin(resolve(request))),
        Err(error) => Progress::Done(Err(error)),
    }
}

/// Looks up what is not cached yet, then charges, all within the deadline.
async fn resolve(request: Request) -> Result<Lease, Error> {
    let mut timeout = request.timeout();
    let (begun, deadline) = (Stopwatch::start(), request.deadline());
    let missed = request.clone();
    let mut resolving = std::pin::pin!(request.look_up(true));
    let charges = std::future::poll_fn(|context| {
        if let Poll::Ready(charges) = resolving.as_mut().poll(context) {
            return Poll::Ready(charges);
        }
        match &mut timeout {
            Some(timeout) => Pin::new(timeout)
                .poll(context)
                .map(|()| Err(missed.missed_deadline().into())),
            None => Poll::Pending,
        }
    })
    .await?;
    begin(charges, begun.left(deadline).into()).result().await
}

fn begin(charges: Charges, deadline: Deadline) -> Progress {
    match charge(charges, deadline) {
        Charged::Done(result) => {
            Progress::Done(result.map(|holdings| Lease::new(holdings, deadline)))
        }
        Charged::Waiting(charging) => Progress::Charging(charging, deadline),
    }
}
