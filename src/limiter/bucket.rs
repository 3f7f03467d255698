//! A bucket as the limiter sees it: in memory, or behind a gate.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use super::{
    deadline::Deadline,
    gate::Gate,
    grant::{Amounts, Grant, Share, Shares},
    memory::{Memory, Pinned, Place},
    settlement::Settlement,
};
use crate::{
    error::Unavailable,
    model::{BucketKey, LimitStatus, Limits},
    store::Entry,
};

/// A bucket that can be charged and settled, and the limits that it is charged by. Clones are the
/// same bucket.
#[derive(Clone, Debug)]
pub(super) enum Bucket {
    /// Decided in place.
    Memory { memory: Arc<Memory>, place: Place, limits: Limits },
    /// Decided in place, which a handle knows.
    Pinned(Arc<Pinned>),
    /// Decided by the bucket's gate.
    Gated { gate: Arc<Gate>, limits: Limits },
}

/// What a bucket answers to a request.
#[derive(Debug)]
pub(super) enum Verdict {
    Granted(Grant),
    Denied(Vec<LimitStatus>),
    Unavailable(Unavailable),
}

/// What a bucket answers at once.
#[derive(Debug)]
pub(super) enum Asked {
    Granted(Shares),
    Denied(Vec<LimitStatus>),
    Unavailable(Unavailable),
    /// The store is asked.
    Waiting(Acquiring),
}

impl Bucket {
    pub(super) fn key(&self) -> &BucketKey {
        match self {
            Self::Memory { place, .. } => place.key(),
            Self::Pinned(pinned) => pinned.entry.key(),
            Self::Gated { gate, .. } => gate.key(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        match self {
            Self::Memory { limits, .. } | Self::Gated { limits, .. } => limits,
            Self::Pinned(pinned) => &pinned.limits,
        }
    }

    /// Where the limits stand, if it is known without asking that `amounts` do not fit.
    pub(super) fn known_denial(&self, amounts: &[i64]) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking costs nothing.
            Self::Memory { .. } | Self::Pinned(_) => None,
            Self::Gated { gate, limits } => gate.known_denial(limits, amounts),
        }
    }

    /// Where the limits stand in view of `amounts`, as far as it is known without asking.
    pub(super) fn glance(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Memory { memory, .. } => self.in_memory(memory, amounts),
            Self::Pinned(pinned) => self.in_memory(&pinned.memory, amounts),
            Self::Gated { gate, limits } => gate.glance(limits, amounts),
        }
    }

    /// Where the limits stand in view of `amounts`. One round trip; in memory none.
    pub(super) async fn statuses(&self, amounts: &[i64]) -> Result<Vec<LimitStatus>, Unavailable> {
        match self {
            Self::Gated { gate, limits } => gate.statuses(limits, amounts).await,
            _ => Ok(self.glance(amounts)),
        }
    }

    fn in_memory(&self, memory: &Memory, amounts: &[i64]) -> Vec<LimitStatus> {
        memory.store.statuses(self.key(), self.limits(), amounts, memory.now())
    }

    /// Asks for `amounts`, all or nothing. `own`: the limits are the entity's own.
    #[inline]
    pub(super) fn acquire(&mut self, own: bool, amounts: &Amounts, deadline: Deadline) -> Asked {
        match self {
            Self::Memory { memory, place, limits } => {
                let now = memory.now();
                match place.claim(memory, now) {
                    Ok(entry) => spend(memory, entry, limits, amounts, now),
                    Err(error) => Asked::Unavailable(error),
                }
            }
            Self::Pinned(pinned) => {
                let Pinned { memory, entry, limits } = &**pinned;
                spend(memory, entry, limits, amounts, memory.now())
            }
            Self::Gated { gate, limits } => match gate.acquire(limits, own, amounts.clone()) {
                Ok(answer) => {
                    let waiting = Waiting { answer, timeout: gate.timeout(deadline.into()) };
                    Asked::Waiting(Acquiring(Box::pin(waiting)))
                }
                Err(asked) => asked,
            },
        }
    }

    /// Settles differences (millitokens, in the order of the limits).
    pub(super) fn settle(&self, differences: &[i64]) -> Settlement {
        if differences.iter().all(|difference| *difference == 0) {
            return Settlement::done();
        }
        match self {
            Self::Memory { memory, place: Place::Entry(entry), limits } => {
                memory.store.settle(entry, limits, differences, memory.now());
            }
            // It was never asked.
            Self::Memory { place: Place::Key(_), .. } => {}
            Self::Pinned(pinned) => {
                let Pinned { memory, entry, limits } = &**pinned;
                memory.store.settle(entry, limits, differences, memory.now());
            }
            Self::Gated { gate, limits } => return gate.settle(limits, differences),
        }
        Settlement::done()
    }
}

#[inline]
fn spend(memory: &Memory, entry: &Entry, limits: &Limits, amounts: &Amounts, now: i64) -> Asked {
    let mut shares: Shares = amounts.iter().copied().map(Share::asked).collect();
    match memory.store.spend(entry, limits, &mut shares, now) {
        Ok(()) => Asked::Granted(shares),
        Err(statuses) => Asked::Denied(statuses),
    }
}

/// A request on its way to a verdict. Dropped before: what it was granted is given back.
#[derive(Debug)]
pub(super) struct Acquiring(Pin<Box<Waiting>>);

pin_project_lite::pin_project! {
    #[derive(Debug)]
    struct Waiting {
        #[pin]
        answer: oneshot::Receiver<Verdict>,
        #[pin]
        timeout: tokio::time::Sleep,
    }
}

impl Future for Acquiring {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let waiting = self.0.as_mut().project();
        if let Poll::Ready(answer) = waiting.answer.poll(context) {
            return Poll::Ready(answer.unwrap_or(Verdict::Unavailable(Unavailable::ShutDown)));
        }
        waiting.timeout.poll(context).map(|()| Verdict::Unavailable(Unavailable::Deadline))
    }
}
