//! The answer to a request, and the flight that brings it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot::{Receiver, error::TryRecvError};

use super::super::{bucket::Verdict, carried::Carried};
use crate::error::Unavailable;

/// An answer to wait for. Dropped: what is granted is given back.
#[derive(Debug)]
pub(in crate::limiter) struct Answer {
    /// The flight, as long as nobody else is aboard.
    flight: Option<Carried>,
    verdict: Receiver<Verdict>,
}

impl Answer {
    pub(super) fn new(flight: Option<Carried>, verdict: Receiver<Verdict>) -> Self {
        Self { flight, verdict }
    }
}

impl Future for Answer {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        const NOBODY: Verdict = Verdict::Unavailable(Unavailable::ShutDown);
        if let Some(flight) = &mut self.flight {
            if flight.poll(context).is_pending() {
                // The verdict comes while the flight is polled: it has to wake nobody.
                return match self.verdict.try_recv() {
                    Ok(verdict) => Poll::Ready(verdict),
                    Err(TryRecvError::Empty) => Poll::Pending,
                    Err(TryRecvError::Closed) => Poll::Ready(NOBODY),
                };
            }
            self.flight = None;
        }
        Pin::new(&mut self.verdict).poll(context).map(|verdict| verdict.unwrap_or(NOBODY))
    }
}
