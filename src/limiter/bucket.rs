//! A bucket as the limiter sees it: in memory, or behind a gate.

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

/// A bucket that can be charged and settled, and the limits that it is charged by. Clones are the
/// same bucket.
#[derive(Clone, Debug)]
pub(super) enum Bucket {
    /// Decided in place.
    Memory { place: Place, limits: Brought },
    /// Decided in place, which a handle knows.
    Pinned(Arc<Pinned>),
    /// Decided by the bucket's gate.
    Gated { gate: Arc<Gate>, limits: Limits },
    /// Decided by a script, in tests.
    Scripted(Box<ScriptedBucket>),
}

/// What a bucket answers to a request.
#[derive(Debug)]
pub(super) enum Verdict {
    Granted(Grant),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    Unavailable(Unavailable),
}

impl Verdict {
    /// Tells whoever waits for it, until `until` if that is known. If nobody does any more before that, the request was
    /// cancelled.
    pub(super) fn tell(self, reply: oneshot::Sender<Self>, until: Option<Instant>) {
        if let Err(Self::Granted(mut grant)) = reply.send(self)
            && until.is_some_and(|until| Instant::now() < until)
        {
            grant.cancel();
        }
    }
}

/// An answer to wait for. Dropped before: what is granted is given back, but not without bound.
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
        // The answer has come, and was not taken.
        if let Ok(Verdict::Granted(mut grant)) = self.0.try_recv() {
            grant.cancel();
        }
    }
}

impl Future for Answer {
    type Output = Verdict;

    /// An answer that never comes says that the runtime is gone that would bring it.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Verdict> {
        let verdict = Pin::new(&mut self.0).poll(context);
        verdict.map(|verdict| verdict.unwrap_or(Verdict::Unavailable(Unavailable::RuntimeGone)))
    }
}

/// Why a bucket grants nothing, however full it is.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    /// The resource is disabled for the entity.
    Disabled,
    /// The attribute changes what the bucket's limits mean.
    NotUnderstood(String),
    /// A script says so.
    Scripted(Box<Error>),
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

/// What a bucket answers at once.
#[derive(Debug)]
pub(super) enum Asked {
    /// And when the request may start: epoch ms, 0 at once.
    Granted(Shares, i64),
    Denied(Vec<LimitStatus>),
    Refused(Refusal),
    Unavailable(Unavailable),
    /// The store is asked.
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

    /// Epoch ms.
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

    /// Notes how many shards it has.
    pub(super) fn has_shards(&self, count: u32) {
        if let Self::Gated { gate, .. } = self
            && count > 1
        {
            gate.has_shards(count);
        }
    }

    /// Why the bucket grants nothing, if that is known without asking.
    pub(super) fn known_refusal(&self) -> Option<Refusal> {
        match self {
            // Nobody else writes to it.
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => None,
            Self::Gated { gate, .. } => gate.known_refusal(),
        }
    }

    /// Where the limits stand, if it is known without asking that `amounts` do not fit.
    pub(super) fn known_denial(&self, mode: &Mode, amounts: &[i64]) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking costs nothing.
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => None,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => sharded::known_denial(&first, limits, mode, amounts),
                None => gate.known_denial(limits, mode, amounts),
            },
        }
    }

    /// Returns `true` if `amounts` do not fit as far as was ever seen, however long ago.
    pub(super) fn seems_short(&self, mode: &Mode, amounts: &[i64]) -> bool {
        match self {
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => false,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => sharded::seems_short(&first, limits, mode, amounts),
                None => gate.seems_short(limits, mode, amounts),
            },
        }
    }

    /// Where the limits stand in view of `amounts`, as far as it is known without asking.
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

    /// Writes at once what settled leases take: how long a denied request has to wait counts from then.
    pub(super) fn write_debts(&self) {
        if let Self::Gated { gate, .. } = self {
            match split(gate) {
                Some(first) => first.all().iter().for_each(Gate::write_debts),
                None => gate.write_debts(),
            }
        }
    }

    /// Where the limits stand in view of `amounts`. One round trip; in memory none.
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

    /// Returns `true` if what a cancelled request was charged is given back. In memory it always is: that costs no
    /// write.
    pub(super) fn forgives(&self) -> bool {
        match self {
            Self::Gated { gate, limits } => gate.forgives(limits),
            Self::Memory { .. } | Self::Pinned(_) | Self::Scripted(_) => true,
        }
    }

    /// Asks for `amounts`, all or nothing.
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

    /// Settles differences (millitokens, in the order of the limits), and counts others as consumed.
    pub(super) fn settle(&self, differences: &[i64], counts: &[i64]) -> Settlement {
        if differences.iter().chain(counts).all(|difference| *difference == 0) {
            return Settlement::done();
        }
        match self {
            Self::Memory { place, limits } => {
                // Without an entry it was never asked.
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

/// A request on its way to a verdict. Dropped before: what it was granted is given back.
#[derive(Debug)]
pub(super) struct Acquiring {
    step: Step,
    late: Timeout,
}

/// Whom a request waits for.
enum Step {
    /// The only shard of a bucket, as far as was known.
    One(Answer),
    /// The bucket of a child or a parent, with the other one's.
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
    /// Of a bucket that is asked with another one. `None` where it needs no asking.
    pub(super) fn together(bucket: &Bucket, answer: oneshot::Receiver<Verdict>, deadline: Deadline) -> Option<Self> {
        let Bucket::Gated { gate, .. } = bucket else { return None };
        Some(Self { step: Step::Together(Answer::new(answer)), late: gate.deadline(deadline.into()) })
    }

    /// The verdict, once there is one. The bucket was asked with the same `mode` and `amounts`: a crowd that
    /// shares a bucket shares what these refer to, and every copy of a reference takes its time.
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
                    // It has turned out to be one of several: the others may hold what it does not.
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

/// The gate of the first shard, where the bucket has several.
fn split(gate: &Arc<Gate>) -> Option<Arc<Gate>> {
    if gate.shard_count() > 1 { gate.first() } else { None }
}
