//! Tokens that a bucket has granted, on their way to the request.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use smallvec::{SmallVec, smallvec};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    error::Unavailable,
    limiter::{
        gate::gate::Gate,
        terms::{Amounts, BucketDecision, left_until},
    },
    model::Limits,
    telemetry,
};

/// The decision of a bucket in a store.
pub(crate) type GateDecision = BucketDecision<GateGrant>;

/// Tokens that one or several shards of a bucket have granted. If nobody takes them, they are given
/// back on drop.
#[derive(Debug)]
pub(crate) struct GateGrant(Option<GateCharge>);

/// The charge of a grant.
#[derive(Debug)]
pub(crate) struct GateCharge {
    /// The charged shards.
    pub(crate) shards: SmallVec<[(Arc<Gate>, Amounts); 1]>,
    pub(crate) limits: Limits,
    /// `true` if the bucket is bypassed: the amounts were counted, and not charged.
    pub(crate) counted: bool,
    /// The tokens that the bucket held after the charge, in millitokens.
    pub(crate) left: Amounts,
    /// The time at which the debt of the bucket is refilled: epoch ms. 0 if there is none.
    pub(crate) starts_at: i64,
    /// Shared by the two grants of a transaction, which are given back together or not at all: the
    /// first one that is cancelled decides for both.
    pub(crate) forgiven: Option<Arc<OnceLock<bool>>>,
}

impl GateGrant {
    /// Creates the grant of one shard. `left` are the tokens that the bucket held after the charge.
    pub(crate) fn new(gate: Arc<Gate>, limits: Limits, charged: Amounts, left: Amounts) -> Self {
        let shards = smallvec![(gate, charged)];
        Self(Some(GateCharge {
            shards,
            limits,
            counted: false,
            left,
            starts_at: 0,
            forgiven: None,
        }))
    }

    /// Creates the grant of a bypassed bucket: the amounts were counted, and not charged.
    pub(crate) fn bypassed(
        gate: Arc<Gate>,
        limits: Limits,
        counted: Amounts,
        left: Amounts,
    ) -> Self {
        Self::new(gate, limits, counted, left).with(|charge| charge.counted = true)
    }

    /// Creates a grant of several shards. Returns `None` if no shard was charged.
    pub(crate) fn drawn(
        shards: SmallVec<[(Arc<Gate>, Amounts); 1]>,
        limits: Limits,
        left: Amounts,
    ) -> Option<Self> {
        let charge = GateCharge {
            shards,
            limits,
            counted: false,
            left,
            starts_at: 0,
            forgiven: None,
        };
        (!charge.shards.is_empty()).then_some(Self(Some(charge)))
    }

    /// Makes it one of a pair: if the request is cancelled, both are given back, or both stay.
    pub(crate) fn paired(self, forgiven: &Arc<OnceLock<bool>>) -> Self {
        self.with(|charge| charge.forgiven = Some(forgiven.clone()))
    }

    /// Gives it back whenever the request is cancelled: a top-up of a lease, which was charged
    /// before.
    pub(crate) fn always_given_back(self) -> Self {
        self.with(|charge| charge.forgiven = Some(Arc::new(OnceLock::from(true))))
    }

    pub(crate) fn starting_at(self, starts_at: i64) -> Self {
        self.with(|charge| charge.starts_at = starts_at)
    }

    fn with(mut self, change: impl FnOnce(&mut GateCharge)) -> Self {
        if let Some(charge) = &mut self.0 {
            change(charge);
        }
        self
    }

    /// Takes the tokens. They are not given back any more.
    pub(crate) fn take(mut self) -> Option<GateCharge> {
        self.0.take()
    }

    /// Returns the charged amounts for later requests. Returns `None` if they cannot be kept: they
    /// are given back.
    pub(crate) fn into_chunk(mut self) -> Option<Amounts> {
        let mut charge = self
            .0
            .take_if(|charge| !charge.counted && charge.shards.len() == 1)?;
        charge.shards.pop().map(|(_, charged)| charged)
    }

    /// Gives the tokens of a cancelled request back, or keeps them if too many were given back.
    pub(crate) fn cancel(mut self) {
        self.0.take_if(|charge| !charge.forgives());
    }
}

impl GateCharge {
    fn forgives(&self) -> bool {
        let forgives = || {
            self.shards
                .first()
                .is_some_and(|(gate, _)| gate.forgives(&self.limits))
        };
        match &self.forgiven {
            None => forgives(),
            Some(forgiven) => *forgiven.get_or_init(forgives),
        }
    }
}

impl Drop for GateGrant {
    fn drop(&mut self) {
        let Some(GateCharge {
            shards,
            limits,
            counted,
            ..
        }) = self.0.take()
        else {
            return;
        };
        for (gate, charged) in shards {
            let back: Amounts = charged
                .iter()
                .map(|amount| amount.saturating_neg())
                .collect();
            telemetry::settled(&gate.key().resource, &limits, back.iter().copied());
            let (back, counts) = if counted {
                (Amounts::new(), back)
            } else {
                (back, Amounts::new())
            };
            let _ = gate.settle(&limits, &back, &counts);
        }
    }
}

impl GateDecision {
    /// Sends the decision to the request that waits for it, until `until` if that is known. If it
    /// is gone before that time, the request was cancelled.
    pub(crate) fn send(self, reply: oneshot::Sender<Self>, until: Option<Instant>) {
        if let Err(Self::Granted(grant)) = reply.send(self)
            && until.is_some_and(|until| !left_until(until).is_zero())
        {
            grant.cancel();
        }
    }
}

/// A decision to wait for. If it is dropped before, a grant is given back, but not without bound.
#[derive(Debug)]
pub(crate) struct PendingDecision(oneshot::Receiver<GateDecision>);

impl PendingDecision {
    pub(crate) fn new(decision: oneshot::Receiver<GateDecision>) -> Self {
        Self(decision)
    }
}

impl Drop for PendingDecision {
    fn drop(&mut self) {
        self.0.close();
        // The answer has come, and nobody has taken it.
        if let Ok(BucketDecision::Granted(grant)) = self.0.try_recv() {
            grant.cancel();
        }
    }
}

impl Future for PendingDecision {
    type Output = GateDecision;

    /// A decision that can never come means that its runtime is gone.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<GateDecision> {
        let decision = Pin::new(&mut self.0).poll(context);
        decision.map(|decision| {
            decision.unwrap_or(BucketDecision::Unavailable(Unavailable::RuntimeGone))
        })
    }
}
