//! A request that was started.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{
    error::Error,
    limiter::{
        lease::{Lease, charging::Charging},
        terms::Deadline,
    },
};

/// A request that was started, without its observers.
pub(crate) enum Progress {
    Done(Result<Lease, Error>),
    /// Waits for the buckets.
    Charging(Box<Charging>, Deadline),
    /// Waits for limits or a parent that are not cached, or for more than one answer.
    Boxed(Pin<Box<dyn Future<Output = Result<Lease, Error>> + Send>>),
    /// The result was taken.
    Over,
}

impl Progress {
    /// Waits for the result.
    pub(super) async fn result(mut self) -> Result<Lease, Error> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    #[inline]
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Lease, Error>> {
        match self {
            Self::Boxed(future) => future.as_mut().poll(context),
            Self::Charging(charging, deadline) => {
                let deadline = *deadline;
                Pin::new(charging)
                    .poll(context)
                    .map(|result| Ok(Lease::new(result?, deadline)))
            }
            Self::Done(_) => match std::mem::replace(self, Self::Over) {
                Self::Done(result) => Poll::Ready(result),
                _ => Poll::Pending,
            },
            // Polled again after the result was taken: nothing is left to wait for.
            Self::Over => Poll::Pending,
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Progress::Done",
            Self::Charging(..) => "Progress::Charging",
            Self::Boxed(_) => "Progress::Boxed",
            Self::Over => "Progress::Over",
        })
    }
}
