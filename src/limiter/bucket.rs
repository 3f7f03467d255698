//! A bucket as the limiter sees it: in memory, or behind a gate.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    gate::Gate,
    grant::{Amounts, Grant},
    prefetch::Prefetch,
    settlement::Settlement,
    sharded::{self, Ask},
};
use crate::{
    clock::Clock,
    error::Unavailable,
    model::{BucketKey, BucketState, LimitStatus, Limits},
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
    Refused(Refusal),
    Unavailable(Unavailable),
}

/// Why a bucket grants nothing, however full it is.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The resource is disabled for the entity.
    Disabled,
    /// The attribute changes what the bucket's limits mean.
    NotUnderstood(String),
}

impl Refusal {
    /// Why a bucket in that state grants nothing, if it does not.
    pub(super) fn of(state: &BucketState) -> Option<Self> {
        let stamps = state.stamps.as_deref()?;
        match &stamps.not_understood {
            _ if stamps.disabled => Some(Self::Disabled),
            Some(attribute) => Some(Self::NotUnderstood(attribute.clone())),
            None => None,
        }
    }
}

impl Bucket {
    pub(super) fn key(&self) -> &BucketKey {
        match self {
            Self::Memory(bucket) => &bucket.key,
            Self::Gated(gate) => gate.key(),
        }
    }

    /// Notes how many shards it has.
    pub(super) fn has_shards(&self, count: u32) {
        if let Self::Gated(gate) = self
            && count > 1
        {
            gate.has_shards(count);
        }
    }

    /// Where the limits stand, if it is known without asking that `amounts` do not fit.
    pub(super) fn known_denial(&self, limits: &Limits, amounts: &[i64]) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking costs nothing.
            Self::Memory(_) => None,
            Self::Gated(gate) if gate.shard_count() > 1 => sharded::known_denial(&gate.first()?, limits, amounts),
            Self::Gated(gate) => gate.known_denial(limits, amounts),
        }
    }

    /// Why the bucket grants nothing, if that is known without asking.
    pub(super) fn known_refusal(&self) -> Option<Refusal> {
        match self {
            // Nobody else writes to it.
            Self::Memory(_) => None,
            Self::Gated(gate) => gate.known_refusal(),
        }
    }

    /// Where the limits stand in view of `amounts`, as far as it is known without asking.
    pub(super) fn glance(&self, limits: &Limits, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Memory(bucket) => bucket.store.statuses(&bucket.key, limits, amounts, bucket.clock.now()),
            Self::Gated(gate) => match gate.first().filter(|first| first.shard_count() > 1) {
                Some(first) => sharded::glance(&first, limits, amounts),
                None => gate.glance(limits, amounts),
            },
        }
    }

    /// Asks for `amounts`, all or nothing. `own`: the limits are the entity's own.
    pub(super) fn acquire(
        &self,
        limits: &Limits,
        own: bool,
        amounts: Amounts,
        prefetch: Option<Prefetch>,
        deadline: Duration,
    ) -> Acquiring {
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
            Self::Gated(gate) => match gate.first().filter(|first| first.shard_count() > 1) {
                Some(first) => {
                    let ask = Ask { limits: limits.clone(), own, amounts, prefetch };
                    State::waiting(
                        Step::Shards { answer: Box::pin(sharded::acquire(first, ask)) },
                        gate.timeout(deadline),
                    )
                }
                None => match gate.acquire(limits, own, amounts.clone(), prefetch) {
                    Ok(answer) => {
                        let ask = Ask { limits: limits.clone(), own, amounts, prefetch };
                        State::waiting(Step::One { answer, gate: gate.clone(), ask: Some(ask) }, gate.timeout(deadline))
                    }
                    Err(verdict) => State::Ready(Some(verdict)),
                },
            },
        };
        Acquiring { state }
    }

    /// Settles differences (millitokens, in the order of `limits`), and counts others as consumed.
    pub(super) fn settle(&self, limits: &Limits, differences: &[i64], counts: &[i64]) -> Settlement {
        if differences.iter().chain(counts).all(|difference| *difference == 0) {
            return Settlement::done();
        }
        match self {
            Self::Memory(bucket) => {
                bucket.store.settle(&bucket.key, limits, differences, bucket.clock.now());
                Settlement::done()
            }
            Self::Gated(gate) => gate.settle(limits, differences, counts),
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
    struct Waiting {
        step: Step,
        #[pin]
        timeout: tokio::time::Sleep,
    }
}

/// Whom a request waits for.
enum Step {
    /// The only shard of a bucket, as far as was known.
    One { answer: oneshot::Receiver<Verdict>, gate: Arc<Gate>, ask: Option<Ask> },
    /// Several shards.
    Shards { answer: Pin<Box<dyn Future<Output = Verdict> + Send>> },
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

impl State {
    fn waiting(step: Step, timeout: tokio::time::Sleep) -> Self {
        Self::Waiting(Box::pin(Waiting { step, timeout }))
    }
}

impl Step {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Verdict> {
        loop {
            match self {
                Self::Shards { answer } => return answer.as_mut().poll(context),
                Self::One { answer, gate, ask } => {
                    let verdict = match Pin::new(answer).poll(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(verdict) => verdict.unwrap_or(Verdict::Unavailable(Unavailable::ShutDown)),
                    };
                    // It has turned out to be one of several: the others may hold what it does not.
                    match (&verdict, gate.first().filter(|first| first.shard_count() > 1), ask.take()) {
                        (Verdict::Denied(_), Some(first), Some(ask)) => {
                            *self = Self::Shards { answer: Box::pin(sharded::acquire(first, ask)) };
                        }
                        _ => return Poll::Ready(verdict),
                    }
                }
            }
        }
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
                if let Poll::Ready(verdict) = waiting.step.poll(context) {
                    return Poll::Ready(verdict);
                }
                waiting.timeout.poll(context).map(|()| Verdict::Unavailable(Unavailable::Deadline))
            }
        }
    }
}
