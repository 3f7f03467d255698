//! A bucket as the limiter sees it: in memory, or behind a gate.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{charge::Charge, gate::Gate, grant::Grant, settlement::Settlement};
use crate::{
    clock::Clock,
    error::Unavailable,
    model::{BucketKey, LimitStatus, Limits},
    store::{MemoryStore, Shortage},
};

/// A bucket that can be charged and settled. Clones are the same bucket.
#[derive(Clone, Debug)]
pub(super) enum Bucket {
    /// Decided in place.
    Memory(Arc<MemoryBucket>),
    /// Decided by the bucket's gate.
    Gated(Arc<Gate>),
}

#[derive(Debug)]
pub(super) struct MemoryBucket {
    pub(super) store: MemoryStore,
    pub(super) key: BucketKey,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a bucket answers to a request.
#[derive(Debug)]
pub(super) enum Verdict {
    Granted(Grant),
    Denied(Vec<LimitStatus>),
    Unavailable(Unavailable),
}

impl Bucket {
    pub(super) fn key(&self) -> &BucketKey {
        match self {
            Self::Memory(bucket) => &bucket.key,
            Self::Gated(gate) => gate.key(),
        }
    }

    /// Where the limits stand, if it is known without asking that `amounts` do not fit.
    pub(super) fn known_denial(&self, limits: &Limits, amounts: &[i64]) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking costs nothing.
            Self::Memory(_) => None,
            Self::Gated(gate) => gate.known_denial(limits, amounts),
        }
    }

    /// Where the limits stand in view of `amounts`, as far as it is known without asking.
    pub(super) fn glance(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Memory(bucket) => bucket.store.statuses(&bucket.key, limits, amounts, bucket.clock.now()),
            Self::Gated(gate) => gate.glance(limits, amounts),
        }
    }

    /// Asks for the amounts of `charge`, all or nothing.
    pub(super) fn acquire(&self, charge: &Charge, deadline: Duration) -> Acquiring {
        let (limits, amounts) = (&charge.limits, charge.amounts.clone());
        let state = match self {
            Self::Memory(bucket) => {
                let now = bucket.clock.now();
                let verdict = match bucket.store.spend(&bucket.key, limits, &amounts, now) {
                    Ok(left) => Verdict::Granted(Grant::new(self.clone(), limits.clone(), amounts, left)),
                    Err(Shortage::Denied(statuses)) => Verdict::Denied(statuses),
                    Err(Shortage::Full(error)) => Verdict::Unavailable(Unavailable::Store(error)),
                };
                State::Ready(Some(verdict))
            }
            Self::Gated(gate) => match gate.acquire(charge) {
                Ok(answer) => State::Waiting(Box::pin(Waiting { answer, timeout: gate.timeout(deadline) })),
                Err(verdict) => State::Ready(Some(verdict)),
            },
        };
        Acquiring { state }
    }

    /// Settles differences (millitokens, in the order of `limits`).
    pub(super) fn settle(&self, limits: &Limits, differences: &[i64]) -> Settlement {
        if differences.iter().all(|difference| *difference == 0) {
            return Settlement::done();
        }
        match self {
            Self::Memory(bucket) => {
                bucket.store.settle(&bucket.key, limits, differences, bucket.clock.now());
                Settlement::done()
            }
            Self::Gated(gate) => gate.settle(limits, differences),
        }
    }
}

/// A request on its way to a verdict. Dropped before: what it was granted is given back.
#[derive(Debug)]
pub(super) struct Acquiring {
    state: State,
}

#[derive(Debug)]
enum State {
    Ready(Option<Verdict>),
    Waiting(Pin<Box<Waiting>>),
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    struct Waiting {
        #[pin]
        answer: oneshot::Receiver<Verdict>,
        #[pin]
        timeout: tokio::time::Sleep,
    }
}

impl Acquiring {
    /// The verdict, where no store call is needed for it.
    pub(super) fn now_or_later(self) -> Result<Verdict, Self> {
        match self.state {
            State::Ready(Some(verdict)) => Ok(verdict),
            state => Err(Self { state }),
        }
    }
}

impl Future for Acquiring {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        match &mut self.state {
            State::Ready(verdict) => {
                // Polled again after it was ready: as good as abandoned.
                Poll::Ready(verdict.take().unwrap_or(Verdict::Unavailable(Unavailable::ShutDown)))
            }
            State::Waiting(waiting) => {
                let waiting = waiting.as_mut().project();
                if let Poll::Ready(answer) = waiting.answer.poll(context) {
                    return Poll::Ready(answer.unwrap_or(Verdict::Unavailable(Unavailable::ShutDown)));
                }
                waiting.timeout.poll(context).map(|()| Verdict::Unavailable(Unavailable::Deadline))
            }
        }
    }
}
