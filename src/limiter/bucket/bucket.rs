//! A bucket as a request sees it: in memory, behind a gate, or behind a script.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{sync::oneshot, time::Instant};

use super::{
    memory_bucket::{MemoryBucket, MemoryCharge},
    scripted::ScriptedBucket,
};
use crate::{
    error::Unavailable,
    limiter::{
        gate::{Gate, GateDecision, GateGrant, PendingDecision, ShardedRequest, router},
        runtime::Timeout,
        terms::{Amounts, BucketDecision, BucketRefusal, ChargeContext, Deadline, Started},
    },
    model::{KeyParts, Limit, LimitStatus, Limits, to_milli},
};

/// A bucket that can be charged and settled, with the limits that it is charged by. Clones are the
/// same bucket.
#[derive(Clone, Debug)]
pub(crate) enum Bucket {
    /// In this process's memory.
    Memory(MemoryBucket),
    /// In a store, behind the bucket's gate.
    Gated { gate: Arc<Gate>, limits: Limits },
    /// Decided by a script, in tests.
    Scripted(Box<ScriptedBucket>),
}

/// The tokens that a bucket was charged.
#[derive(Debug)]
pub(crate) enum Charged {
    Memory(MemoryCharge),
    Gate(GateGrant),
}

impl Bucket {
    pub(crate) fn key(&self) -> KeyParts<'_> {
        match self {
            Self::Memory(bucket) => bucket.key(),
            Self::Gated { gate, .. } => gate.key().parts(),
            Self::Scripted(scripted) => scripted.bucket.key(),
        }
    }

    /// Returns the time in epoch ms.
    pub(crate) fn now(&self) -> i64 {
        match self {
            Self::Memory(bucket) => bucket.home().now(),
            Self::Gated { gate, .. } => gate.now(),
            Self::Scripted(scripted) => scripted.bucket.home().now(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Self::Memory(bucket) => bucket.limits(),
            Self::Gated { limits, .. } => limits,
            Self::Scripted(scripted) => scripted.bucket.limits(),
        }
    }

    /// Records how many shards the bucket has.
    pub(crate) fn has_shards(&self, count: u32) {
        if let Self::Gated { gate, .. } = self
            && count > 1
        {
            gate.has_shards(count);
        }
    }

    /// Returns the reason why the bucket grants nothing, if it is known without asking.
    pub(crate) fn known_refusal(&self) -> Option<BucketRefusal> {
        match self {
            // Nothing needs to be known before, because asking these buckets costs nothing. In
            // memory, the look-up of a request shows the stored access before any bucket is asked.
            // A script says that a bucket is disabled when it is asked.
            Self::Memory(_) | Self::Scripted(_) => None,
            Self::Gated { gate, .. } => gate.known_refusal(),
        }
    }

    /// Returns the statuses of the limits if it is known without asking that `amounts` do not fit.
    pub(crate) fn known_denial(
        &self,
        context: &ChargeContext,
        amounts: &[i64],
    ) -> Option<Vec<LimitStatus>> {
        match self {
            // No early answer is needed, because asking these buckets costs nothing.
            Self::Memory(_) | Self::Scripted(_) => None,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => router::known_denial(&first, limits, context, amounts),
                None => gate.known_denial(limits, context, amounts),
            },
        }
    }

    /// Returns `true` if `amounts` did not fit in the last known state of the bucket, even if that
    /// is old.
    pub(crate) fn seems_short(&self, context: &ChargeContext, amounts: &[i64]) -> bool {
        match self {
            Self::Memory(_) | Self::Scripted(_) => false,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => router::seems_short(&first, limits, context, amounts),
                None => gate.seems_short(limits, context, amounts),
            },
        }
    }

    /// Returns the statuses of the limits for a request of `amounts`, from what is known without
    /// asking.
    pub(crate) fn glance(&self, amounts: &[i64]) -> Vec<LimitStatus> {
        match self {
            Self::Memory(bucket) => bucket.statuses(amounts),
            Self::Scripted(scripted) => scripted.bucket.statuses(amounts),
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => router::glance(&first, limits, amounts),
                None => gate.glance(limits, amounts),
            },
        }
    }

    /// Returns `true` if the bucket may hold `tokens` of `limit`, which are more than the limit's
    /// capacity: a quota that was topped up holds more until its period ends. Decided from what is
    /// known without asking. If a store has the bucket, the level that is known does not count:
    /// another process may have added more.
    pub(crate) fn is_topped_up(&self, limit: &Limit, tokens: u64) -> bool {
        if !limit.is_quota() {
            return false;
        }
        if let Self::Gated { gate, .. } = self {
            let ceiling = match split(gate) {
                Some(first) => {
                    let shards = first.all();
                    let ceilings = shards.iter().map(|shard| shard.ceiling(limit));
                    ceilings.fold(0, i64::saturating_add)
                }
                None => gate.ceiling(limit),
            };
            return to_milli(tokens) <= ceiling;
        }
        let asked = |other: &Limit| {
            if other.name() == limit.name() {
                to_milli(tokens)
            } else {
                0
            }
        };
        let amounts: Amounts = self.limits().iter().map(asked).collect();
        let statuses = self.glance(&amounts);
        let mut statuses = statuses.iter();
        let status = statuses.find(|status| status.limit.name() == limit.name());
        status.is_some_and(|status| status.retry_after.is_some())
    }

    /// Writes the debts of settled leases at once, because the wait that a denial states depends on
    /// them.
    pub(crate) fn write_debts(&self) {
        if let Self::Gated { gate, .. } = self {
            match split(gate) {
                Some(first) => first.all().iter().for_each(Gate::write_debts),
                None => gate.write_debts(),
            }
        }
    }

    /// Reads the statuses of the limits for a request of `amounts`, and `true` if a stamp bypasses
    /// the bucket. One round trip; none in memory.
    pub(crate) async fn statuses(
        &self,
        amounts: &[i64],
    ) -> Result<(Vec<LimitStatus>, bool), Unavailable> {
        match self {
            Self::Gated { gate, limits } => {
                let (statuses, bypassed) = gate.statuses(limits, amounts).await?;
                let statuses = match split(gate) {
                    Some(first) => router::read(&first, limits, amounts).await?,
                    None => statuses,
                };
                Ok((statuses, bypassed))
            }
            _ => Ok((self.glance(amounts), false)),
        }
    }

    /// Asks for all of `amounts` or nothing.
    #[inline]
    pub(crate) fn acquire(
        &mut self,
        context: &ChargeContext,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> Started<BucketDecision<Charged>, Box<Acquiring>> {
        match self {
            Self::Memory(bucket) => {
                Started::Now(bucket.acquire(context, amounts).map(Charged::Memory))
            }
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => Started::Later(Box::new(Acquiring::shards(
                    first, limits, context, amounts, deadline,
                ))),
                None => gate
                    .acquire(limits, context, amounts, deadline)
                    .map(|decision| decision.map(Charged::Gate))
                    .map_later(|pending| Box::new(Acquiring::one(gate, pending, deadline))),
            },
            Self::Scripted(scripted) => {
                Started::Now(scripted.acquire(context, amounts).map(Charged::Memory))
            }
        }
    }
}

/// A request that waits for its decision. If it is dropped before, its grant is given back.
#[derive(Debug)]
pub(crate) struct Acquiring {
    step: Step,
    late: Timeout,
}

/// The source of the decision that a request waits for.
enum Step {
    /// The only shard of a bucket, as far as is known.
    One(PendingDecision),
    /// A transaction that charges the buckets of a child and its parent.
    Transaction(PendingDecision),
    /// Several shards.
    Shards(Pin<Box<dyn Future<Output = GateDecision> + Send>>),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::One(_) => "Step::One",
            Self::Transaction(_) => "Step::Transaction",
            Self::Shards(_) => "Step::Shards",
        })
    }
}

impl Step {
    fn shards(
        first: Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        until: Instant,
    ) -> Self {
        let request = ShardedRequest {
            limits: limits.clone(),
            context: context.clone(),
            amounts: amounts.clone(),
            until,
        };
        Self::Shards(Box::pin(router::acquire(first, request)))
    }
}

impl Acquiring {
    /// Waits for the decision of the only shard of a bucket, as far as is known.
    pub(crate) fn one(gate: &Gate, pending: PendingDecision, deadline: Deadline) -> Self {
        Self {
            step: Step::One(pending),
            late: gate.deadline(deadline.into()),
        }
    }

    /// Asks several shards.
    pub(crate) fn shards(
        first: Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> Self {
        let late = first.deadline(deadline.into());
        Self {
            step: Step::shards(first, limits, context, amounts, late.until()),
            late,
        }
    }

    /// Waits for the decision of a transaction that charges this bucket with another one.
    pub(crate) fn transaction(
        gate: &Gate,
        answer: oneshot::Receiver<GateDecision>,
        deadline: Deadline,
    ) -> Self {
        Self {
            step: Step::Transaction(PendingDecision::new(answer)),
            late: gate.deadline(deadline.into()),
        }
    }

    /// Polls for the decision. `context` and `amounts` must be those that the bucket was asked
    /// with. They are not kept here because all requests of one bucket share the data that they
    /// refer to, and every clone of a reference counter costs time.
    pub(crate) fn poll(
        &mut self,
        gate: &Arc<Gate>,
        limits: &Limits,
        context: &ChargeContext,
        amounts: &Amounts,
        cx: &mut Context<'_>,
    ) -> Poll<GateDecision> {
        let decision = loop {
            match &mut self.step {
                Step::Shards(answer) => break answer.as_mut().poll(cx),
                Step::Transaction(answer) => break Pin::new(answer).poll(cx),
                Step::One(answer) => match Pin::new(answer).poll(cx) {
                    // The bucket turned out to have several shards: the others may hold what this
                    // one does not.
                    Poll::Ready(BucketDecision::Denied(statuses)) => match split(gate) {
                        Some(first) => {
                            self.step =
                                Step::shards(first, limits, context, amounts, self.late.until())
                        }
                        None => return Poll::Ready(BucketDecision::Denied(statuses)),
                    },
                    decision => break decision,
                },
            }
        };
        match decision {
            Poll::Ready(decision) => Poll::Ready(decision),
            Poll::Pending => Pin::new(&mut self.late)
                .poll(cx)
                .map(|()| BucketDecision::Unavailable(gate.missed_deadline())),
        }
    }
}

/// Returns the gate of the first shard if the bucket has several.
fn split(gate: &Arc<Gate>) -> Option<Arc<Gate>> {
    if gate.shard_count() > 1 {
        gate.first()
    } else {
        None
    }
}
