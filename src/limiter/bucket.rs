//! A bucket as the limiter sees it: in memory, or behind a gate.
#![allow(clippy::disallowed_methods, reason = "no owner yet: the time left until a deadline")]

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{sync::oneshot, time::Instant};

use super::{
    charge::Mode,
    deadline::Deadline,
    gate::Gate,
    lease::{Amounts, Grant, Settlement, Share, Shares},
    memory::{Brought, Pinned, Place},
    scripted::ScriptedBucket,
    sharded::{self, Ask},
    waits::Timeout,
};
use crate::{
    error::{Error, Unavailable},
    model::{BucketState, KeyParts, LimitStatus, Limits},
    store::{Entry, Home},
};

/// A bucket that can be charged and settled, with the limits that it is charged by. Clones are the same bucket.
#[derive(Clone, Debug)]
pub(super) enum Bucket {
    /// In this process's memory.
    Memory { place: Place, limits: Brought },
    /// In this process's memory, found before by a handle.
    Pinned(Arc<Pinned>),
    /// In a store, behind the bucket's gate.
    Gated { gate: Arc<Gate>, limits: Limits },
    /// Decided by a script, in tests.
    Scripted(Box<ScriptedBucket>),
}

/// The answer of a bucket to a request.
#[derive(Debug)]
pub(super) enum Verdict {
    Granted(Grant),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    Unavailable(Unavailable),
}

impl Verdict {
    /// Sends the verdict to the request that waits for it, at most until `until` if that is known. If the receiver is
    /// gone before that time, the request was cancelled.
    pub(super) fn tell(self, reply: oneshot::Sender<Self>, until: Option<Instant>) {
        if let Err(Self::Granted(mut grant)) = reply.send(self)
            && until.is_some_and(|until| Instant::now() < until)
        {
            grant.cancel();
        }
    }
}

/// A verdict to wait for. If it is dropped before it arrives, the grant is given back, but only a limited number of
/// times.
#[derive(Debug)]
pub(super) struct Answer(oneshot::Receiver<Verdict>);

impl Answer {
    pub(super) fn new(verdict: oneshot::Receiver<Verdict>) -> Self {
        Self(verdict)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.close();
        // The verdict has arrived, and nobody has taken it.
        if let Ok(Verdict::Granted(mut grant)) = self.0.try_recv() {
            grant.cancel();
        }
    }
}

impl Future for Answer {
    type Output = Verdict;

    /// If the sender is gone, the runtime that would have sent the verdict is gone.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let verdict = Pin::new(&mut self.0).poll(context);
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Unavailable(Unavailable::RuntimeGone)))
    }
}

/// The reason why a bucket grants nothing, however full it is.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The resource is disabled for the entity.
    Disabled,
    /// The bucket has this attribute, which changes the meaning of its limits.
    NotUnderstood(String),
    /// A script decided so.
    Scripted(Box<Error>),
}

impl Refusal {
    /// Returns the reason why a bucket in this state grants nothing, or `None` if it may grant.
    pub(super) fn of(state: &BucketState) -> Option<Self> {
        let stamps = state.stamps.as_deref()?;
        match &stamps.not_understood {
            _ if stamps.disabled => Some(Self::Disabled),
            Some(attribute) => Some(Self::NotUnderstood(attribute.clone())),
            None => None,
        }
    }
}

/// The immediate answer of a bucket to a request.
#[derive(Debug)]
pub(super) enum Asked {
    /// Granted, and the time at which the request may start: epoch ms, 0 for at once.
    Granted(Shares, i64),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    Unavailable(Unavailable),
    /// The store was asked and has not answered yet.
    Waiting(Box<Acquiring>),
}

impl Bucket {
    pub(super) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Memory { place, .. } => place.key(),
            Self::Pinned(pinned) => pinned.entry.key(),
            Self::Gated { gate, .. } => gate.key().parts(),
            Self::Scripted(scripted) => scripted.bucket.key(),
        }
    }

    /// Returns the time in epoch ms.
    pub(super) fn now(&self) -> i64 {
        match self {
            Self::Memory { place, .. } => place.home().now(),
            Self::Pinned(pinned) => pinned.home.now(),
            Self::Gated { gate, .. } => gate.now(),
            Self::Scripted(scripted) => scripted.bucket.now(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        match self {
            Self::Memory { place, limits } => place.limits(limits),
            Self::Gated { limits, .. } => limits,
            Self::Pinned(pinned) => &pinned.limits,
            Self::Scripted(scripted) => scripted.bucket.limits(),
        }
    }

    /// Records how many shards the bucket has.
    pub(super) fn has_shards(&self, count: u32) {
        if let Self::Gated { gate, .. } = self
            && count > 1
        {
            gate.has_shards(count);
        }
    }

    /// Returns the reason why the bucket grants nothing, if it is known without asking.
    pub(super) fn known_refusal(&self) -> Option<Refusal> {
        match self {
            // No other process writes to these buckets.
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => None,
            Self::Gated { gate, .. } => gate.known_refusal(),
        }
    }

    /// Returns the statuses of the limits if it is known without asking that `amounts` do not fit.
    pub(super) fn known_denial(&self, mode: &Mode, amounts: &[i64]) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking them costs nothing.
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => None,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => sharded::known_denial(&first, limits, mode, amounts),
                None => gate.known_denial(limits, mode, amounts),
            },
        }
    }

    /// Returns `true` if `amounts` did not fit in the last known state of the bucket, however old that is.
    pub(super) fn seems_short(&self, mode: &Mode, amounts: &[i64]) -> bool {
        match self {
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => false,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => sharded::seems_short(&first, limits, mode, amounts),
                None => gate.seems_short(limits, mode, amounts),
            },
        }
    }

    /// Returns the statuses of the limits for a request of `amounts`, as far as they are known without asking.
    pub(super) fn glance(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Memory { place, .. } => place.statuses(self.limits(), amounts),
            Self::Pinned(pinned) => {
                let Pinned { entry, home, limits } = &**pinned;
                Entry::statuses(Some(&**entry), limits, amounts, home.now())
            }
            Self::Scripted(scripted) => scripted.bucket.glance(amounts),
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => sharded::glance(&first, limits, amounts),
                None => gate.glance(limits, amounts),
            },
        }
    }

    /// Writes the debts of settled leases at once, because the wait of a denied request depends on them.
    pub(super) fn write_debts(&self) {
        if let Self::Gated { gate, .. } = self {
            match split(gate) {
                Some(first) => first.all().iter().for_each(Gate::write_debts),
                None => gate.write_debts(),
            }
        }
    }

    /// Reads the statuses of the limits for a request of `amounts`. One round trip; none in memory.
    pub(super) async fn statuses(&self, amounts: &[i64]) -> Result<Vec<LimitStatus>, Unavailable> {
        match self {
            Self::Gated { gate, limits } => {
                let statuses = gate.statuses(limits, amounts).await?;
                match split(gate) {
                    Some(first) => sharded::read(&first, limits, amounts).await,
                    None => Ok(statuses),
                }
            }
            _ => Ok(self.glance(amounts)),
        }
    }

    /// Returns `true` if the charge of a cancelled request is given back. In memory it always is, because that costs no
    /// write.
    pub(super) fn forgives(&self) -> bool {
        match self {
            Self::Gated { gate, limits } => gate.forgives(limits),
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => true,
        }
    }

    /// Asks for all of `amounts` or nothing.
    #[inline]
    pub(super) fn acquire(&mut self, mode: &Mode, amounts: &Amounts, deadline: Deadline) -> Asked {
        match self {
            Self::Memory { place, limits } => {
                let now = place.home().now();
                if let Err(error) = place.claim(limits, now) {
                    return Asked::Unavailable(error);
                }
                match place.entry() {
                    Some(entry) => spend(entry, place.home(), place.limits(limits), mode, amounts, now),
                    None => Asked::Unavailable(Unavailable::Internal("a claimed bucket that is not there")),
                }
            }
            Self::Pinned(pinned) => {
                let Pinned { entry, home, limits } = &**pinned;
                spend(entry, home, limits, mode, amounts, home.now())
            }
            Self::Gated { gate, limits } => {
                let late = || gate.deadline(deadline.into());
                let (step, late) = match split(gate) {
                    Some(first) => {
                        let late = late();
                        (Step::shards(first, limits, mode, amounts, late.until()), late)
                    }
                    None => match gate.acquire(limits, mode, amounts, deadline) {
                        Ok(answer) => (Step::One(Answer::new(answer)), late()),
                        Err(asked) => return asked,
                    },
                };
                Asked::Waiting(Box::new(Acquiring { step, late }))
            }
            Self::Scripted(scripted) => scripted.acquire(mode, amounts, deadline),
        }
    }

    /// Settles `differences` and counts `counts` as consumed. Both are in millitokens, in the order of the limits.
    pub(super) fn settle(&self, differences: &[i64], counts: &[i64]) -> Settlement {
        if differences.iter().chain(counts).all(|difference| *difference == 0) {
            return Settlement::done();
        }
        match self {
            Self::Memory { place, limits } => {
                // A bucket without an entry was never charged.
                if let Some(entry) = place.entry() {
                    entry.settle(place.home(), place.limits(limits), differences, place.home().now());
                }
            }
            Self::Pinned(pinned) => {
                let Pinned { entry, home, limits } = &**pinned;
                entry.settle(home, limits, differences, home.now());
            }
            Self::Gated { gate, limits } => return gate.settle(limits, differences, counts),
            Self::Scripted(scripted) => scripted.settle(differences),
        }
        Settlement::done()
    }
}

#[inline]
fn spend(entry: &Entry, home: &Home, limits: &Limits, mode: &Mode, amounts: &Amounts, now: i64) -> Asked {
    let mut shares: Shares = amounts.iter().copied().map(Share::asked).collect();
    let spent = match &mode.patience {
        None => entry.spend(home, limits, &mut shares, now).map(|()| 0),
        Some(patience) => entry.reserve(home, limits, &mut shares, &patience.debts, now),
    };
    match spent {
        Ok(starts_at) => Asked::Granted(shares, starts_at),
        Err(statuses) => Asked::Denied(statuses),
    }
}

/// A request that waits for its verdict. If it is dropped before, its grant is given back.
#[derive(Debug)]
pub(super) struct Acquiring {
    step: Step,
    late: Timeout,
}

/// The source of the verdict that a request waits for.
enum Step {
    /// The only shard of a bucket, as far as is known.
    One(Answer),
    /// A transaction that charges the buckets of a child and its parent.
    Together(Answer),
    /// Several shards.
    Shards(Pin<Box<dyn Future<Output = Verdict> + Send>>),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "Step::One",
            Self::Together(_) => "Step::Together",
            Self::Shards(_) => "Step::Shards",
        })
    }
}

impl Step {
    fn shards(first: Arc<Gate>, limits: &Limits, mode: &Mode, amounts: &Amounts, until: Instant) -> Self {
        let ask = Ask { limits: limits.clone(), mode: mode.clone(), amounts: amounts.clone(), until };
        Self::Shards(Box::pin(sharded::acquire(first, ask)))
    }
}

impl Acquiring {
    /// Waits for the verdict of a transaction that charges this bucket with another one. Returns `None` if the bucket
    /// is not behind a gate.
    pub(super) fn together(bucket: &Bucket, answer: oneshot::Receiver<Verdict>, deadline: Deadline) -> Option<Self> {
        let Bucket::Gated { gate, .. } = bucket else { return None };
        Some(Self { step: Step::Together(Answer::new(answer)), late: gate.deadline(deadline.into()) })
    }

    /// Polls for the verdict. `mode` and `amounts` must be those that the bucket was asked with. They are not kept here
    /// because all requests of one bucket share the data that they refer to, and every clone of a reference counter
    /// costs time.
    pub(super) fn poll(
        &mut self,
        bucket: &Bucket,
        mode: &Mode,
        amounts: &Amounts,
        context: &mut Context<'_>,
    ) -> Poll<Verdict> {
        let verdict = loop {
            match &mut self.step {
                Step::Shards(answer) => break answer.as_mut().poll(context),
                Step::Together(answer) => break Pin::new(answer).poll(context),
                Step::One(answer) => match (Pin::new(answer).poll(context), bucket) {
                    // The bucket turned out to have several shards: the others may hold what this one does not.
                    (Poll::Ready(Verdict::Denied(statuses)), Bucket::Gated { gate, limits }) => match split(gate) {
                        Some(first) => self.step = Step::shards(first, limits, mode, amounts, self.late.until()),
                        None => return Poll::Ready(Verdict::Denied(statuses)),
                    },
                    (verdict, _) => break verdict,
                },
            }
        };
        match verdict {
            Poll::Ready(verdict) => Poll::Ready(verdict),
            Poll::Pending => Pin::new(&mut self.late).poll(context).map(|()| {
                Verdict::Unavailable(match bucket {
                    Bucket::Gated { gate, .. } => gate.missed_deadline(),
                    _ => Unavailable::Deadline,
                })
            }),
        }
    }
}

/// Returns the gate of the first shard if the bucket has several.
fn split(gate: &Arc<Gate>) -> Option<Arc<Gate>> {
    if gate.shard_count() > 1 { gate.first() } else { None }
}
