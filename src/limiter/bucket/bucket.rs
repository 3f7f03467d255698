//! A bucket as a request sees it: in memory, behind a gate, or behind a script.

use std::sync::Arc;

use super::{
    acquiring::{Acquiring, split},
    memory_bucket::{self, MemoryBucket},
    scripted::ScriptedBucket,
};
use crate::{
    error::Unavailable,
    limiter::{
        gate::{Gate, GateAnswer, GateGrant, router},
        terms::{
            Amounts, BucketDecision, BucketRefusal, ChargeContext, Deadline, Settlement, Shares,
        },
    },
    model::{KeyParts, LimitStatus, Limits},
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

/// The tokens that a bucket has granted.
#[derive(Debug)]
pub(crate) enum GrantedTokens {
    /// Tokens of a bucket in memory, and the time at which the request may start: epoch ms, 0 for
    /// at once.
    Here(Shares, i64),
    /// Tokens of a bucket in a store.
    Gate(GateGrant),
}

impl GrantedTokens {
    fn here((shares, starts_at): memory_bucket::GrantedTokens) -> Self {
        Self::Here(shares, starts_at)
    }
}

/// The answer of a bucket to a request.
#[derive(Debug)]
pub(crate) enum BucketAnswer {
    Now(BucketDecision<GrantedTokens>),
    /// The store was asked and has not answered yet.
    Waiting(Box<Acquiring>),
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
            // No other process writes to these buckets.
            Self::Memory(_) | Self::Scripted(_) => None,
            Self::Gated { gate, .. } => gate.known_refusal(),
        }
    }

    /// Returns the statuses of the limits if it is known without asking that `amounts` do not fit.
    pub(crate) fn known_denial(
        &self,
        mode: &ChargeContext,
        amounts: &[i64],
    ) -> Option<Vec<LimitStatus>> {
        match self {
            // Asking them costs nothing.
            Self::Memory(_) | Self::Scripted(_) => None,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => router::known_denial(&first, limits, mode, amounts),
                None => gate.known_denial(limits, mode, amounts),
            },
        }
    }

    /// Returns `true` if `amounts` did not fit in the last known state of the bucket, however old
    /// that is.
    pub(crate) fn seems_short(&self, mode: &ChargeContext, amounts: &[i64]) -> bool {
        match self {
            Self::Memory(_) | Self::Scripted(_) => false,
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => router::seems_short(&first, limits, mode, amounts),
                None => gate.seems_short(limits, mode, amounts),
            },
        }
    }

    /// Returns the statuses of the limits for a request of `amounts`, as far as they are known
    /// without asking.
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

    /// Writes the debts of settled leases at once, because the wait of a denied request depends on
    /// them.
    pub(crate) fn write_debts(&self) {
        if let Self::Gated { gate, .. } = self {
            match split(gate) {
                Some(first) => first.all().iter().for_each(Gate::write_debts),
                None => gate.write_debts(),
            }
        }
    }

    /// Reads the statuses of the limits for a request of `amounts`. One round trip; none in memory.
    pub(crate) async fn statuses(&self, amounts: &[i64]) -> Result<Vec<LimitStatus>, Unavailable> {
        match self {
            Self::Gated { gate, limits } => {
                let statuses = gate.statuses(limits, amounts).await?;
                match split(gate) {
                    Some(first) => router::read(&first, limits, amounts).await,
                    None => Ok(statuses),
                }
            }
            _ => Ok(self.glance(amounts)),
        }
    }

    /// Returns `true` if the charge of a cancelled request is given back. In memory it always is,
    /// because that costs no write.
    pub(crate) fn forgives(&self) -> bool {
        match self {
            Self::Gated { gate, limits } => gate.forgives(limits),
            Self::Memory(_) | Self::Scripted(_) => true,
        }
    }

    /// Asks for all of `amounts` or nothing.
    #[inline]
    pub(crate) fn acquire(
        &mut self,
        mode: &ChargeContext,
        amounts: &Amounts,
        deadline: Deadline,
    ) -> BucketAnswer {
        match self {
            Self::Memory(bucket) => {
                BucketAnswer::Now(bucket.acquire(mode, amounts).map(GrantedTokens::here))
            }
            Self::Gated { gate, limits } => match split(gate) {
                Some(first) => BucketAnswer::Waiting(Box::new(Acquiring::shards(
                    first, limits, mode, amounts, deadline,
                ))),
                None => match gate.acquire(limits, mode, amounts, deadline) {
                    GateAnswer::Pending(pending) => {
                        BucketAnswer::Waiting(Box::new(Acquiring::one(gate, pending, deadline)))
                    }
                    GateAnswer::Now(decision) => {
                        BucketAnswer::Now(decision.map(GrantedTokens::Gate))
                    }
                },
            },
            Self::Scripted(scripted) => {
                BucketAnswer::Now(scripted.acquire(mode, amounts).map(GrantedTokens::here))
            }
        }
    }

    /// Settles `differences` and counts `counts` as consumed. Both are in millitokens, in the order
    /// of the limits.
    pub(crate) fn settle(&self, differences: &[i64], counts: &[i64]) -> Settlement {
        if differences
            .iter()
            .chain(counts)
            .all(|difference| *difference == 0)
        {
            return Settlement::done();
        }
        match self {
            Self::Memory(bucket) => bucket.settle(differences),
            Self::Gated { gate, limits } => return gate.settle(limits, differences, counts),
            Self::Scripted(scripted) => scripted.settle(differences),
        }
        Settlement::done()
    }
}
