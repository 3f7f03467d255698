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
        terms::{Amounts, BucketDecision, LimitShare, Settlement, Shares, absorb, left_until},
    },
    model::{BucketState, LimitState, Limits},
    telemetry,
};

/// The decision of a bucket in a store.
pub(crate) type GateDecision = BucketDecision<GateGrant>;

/// Tokens that one or several shards of a bucket have granted. If the grant is dropped before it is
/// settled, the tokens are given back.
#[derive(Debug)]
pub(crate) struct GateGrant {
    /// The charged shards, at least one. Use beyond the grant is taken from the first one.
    shards: SmallVec<[(Arc<Gate>, Amounts); 1]>,
    limits: Limits,
    /// The amounts that a bypassed bucket has counted and not charged; empty if it is not bypassed.
    counted: Amounts,
    /// All amounts that were charged or counted.
    shares: Shares,
    /// The time at which the debt of the bucket is refilled: epoch ms. 0 if there is none.
    starts_at: i64,
    /// Shared by the two grants of a transaction, which are given back together or not at all: the
    /// first one that is cancelled decides for both.
    forgiven: Option<Arc<OnceLock<bool>>>,
    settled: bool,
}

impl GateGrant {
    /// Creates the grant of one shard. `left` are the tokens that the bucket held after the charge.
    pub(crate) fn new(gate: Arc<Gate>, limits: Limits, charged: Amounts, left: Amounts) -> Self {
        let shares = shares(&charged, &left);
        Self {
            shards: smallvec![(gate, charged)],
            limits,
            counted: Amounts::new(),
            shares,
            starts_at: 0,
            forgiven: None,
            settled: false,
        }
    }

    /// Creates the grant of a bypassed bucket: the amounts were counted, and not charged.
    pub(crate) fn bypassed(
        gate: Arc<Gate>,
        limits: Limits,
        counted: Amounts,
        left: Amounts,
    ) -> Self {
        let nothing = counted.iter().map(|_| 0).collect();
        let mut grant = Self::new(gate, limits, nothing, Amounts::new());
        grant.shares = shares(&counted, &left);
        grant.counted = counted;
        grant
    }

    /// Creates a grant of several shards. Returns `None` if no shard was charged.
    pub(crate) fn drawn(
        shards: SmallVec<[(Arc<Gate>, Amounts); 1]>,
        limits: Limits,
        left: Amounts,
    ) -> Option<Self> {
        let mut charged = shards.first()?.1.clone();
        shards[1..]
            .iter()
            .for_each(|(_, amounts)| add(&mut charged, amounts));
        Some(Self {
            shares: shares(&charged, &left),
            shards,
            limits,
            counted: Amounts::new(),
            starts_at: 0,
            forgiven: None,
            settled: false,
        })
    }

    /// Marks the grant as one of a pair: if the request is cancelled, both are given back, or both
    /// stay.
    pub(crate) fn paired(mut self, forgiven: &Arc<OnceLock<bool>>) -> Self {
        self.forgiven = Some(forgiven.clone());
        self
    }

    /// Marks the grant as a top-up of a lease that was charged before: if the request is cancelled,
    /// the grant is always given back.
    pub(crate) fn always_given_back(mut self) -> Self {
        self.forgiven = Some(Arc::new(OnceLock::from(true)));
        self
    }

    /// Sets the periods of quotas that were charged. `bucket` is the image after the write.
    pub(crate) fn in_periods_of(mut self, bucket: &BucketState) -> Self {
        if bucket.first_end().is_some() {
            for (limit, share) in self.limits.iter().zip(&mut *self.shares) {
                let known = bucket.limit(limit.name());
                share.period = known.map_or(0, LimitState::period_id);
            }
        }
        self
    }

    /// Sets the periods of quotas that were charged, in the order of the limits.
    pub(super) fn in_periods(mut self, periods: &[i64]) -> Self {
        for (share, period) in self.shares.iter_mut().zip(periods) {
            share.period = *period;
        }
        self
    }

    /// Returns `true` if some of the amounts were only counted, because the bucket is bypassed.
    pub(crate) fn is_bypassed(&self) -> bool {
        !self.counted.is_empty()
    }

    pub(crate) fn starting_at(mut self, starts_at: i64) -> Self {
        self.starts_at = starts_at;
        self
    }

    /// Returns the time at which the request may start: epoch ms, 0 for at once.
    pub(crate) fn starts_at(&self) -> i64 {
        self.starts_at
    }

    pub(crate) fn shares(&self) -> &[LimitShare] {
        &self.shares
    }

    pub(crate) fn shares_mut(&mut self) -> &mut [LimitShare] {
        &mut self.shares
    }

    /// Turns the grant into prefetched tokens, and returns the charged amounts and the periods in
    /// which they were charged. If the tokens cannot be kept, gives the tokens back and returns
    /// `None`.
    pub(crate) fn into_chunk(mut self) -> Option<(Amounts, Amounts)> {
        if !self.counted.is_empty() || self.shards.len() > 1 {
            return None;
        }
        self.settled = true;
        let periods = self.shares.iter().map(|share| share.period).collect();
        let (_, charged) = self.shards.pop()?;
        Some((charged, periods))
    }

    /// Marks the request as cancelled: its tokens are given back on drop, or stay charged if too
    /// many were given back before.
    pub(crate) fn cancel(&mut self) {
        let forgives = || {
            self.shards
                .first()
                .is_some_and(|(gate, _)| gate.forgives(&self.limits))
        };
        let forgiven = match &self.forgiven {
            None => forgives(),
            Some(forgiven) => *forgiven.get_or_init(forgives),
        };
        self.settled |= !forgiven;
    }

    /// Adds another grant of the same bucket, perhaps of another shard, to this one.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        other.settled = true;
        for (gate, more) in other.shards.drain(..) {
            let same = |(own, _): &&mut (Arc<Gate>, _)| own.key().shard == gate.key().shard;
            match self.shards.iter_mut().find(same) {
                Some((_, charged)) => add(charged, &more),
                None => self.shards.push((gate, more)),
            }
        }
        if self.counted.is_empty() {
            self.counted = std::mem::take(&mut other.counted);
        } else {
            add(&mut self.counted, &other.counted);
        }
        absorb(&mut self.shares, &other.shares);
    }

    /// Settles the real use instead of the charge, and ends the grant.
    pub(crate) fn settle(&mut self) -> Settlement {
        self.settled = true;
        if self.shares.iter().all(|share| share.used == share.charged) {
            Settlement::done()
        } else {
            self.settle_difference(|share| share.used.saturating_sub(share.charged))
        }
    }

    /// Gives back to every shard at most what it was charged. Use beyond the grant is taken from
    /// the first shard.
    fn settle_difference(&self, difference: impl Fn(&LimitShare) -> i64) -> Settlement {
        let mut left: Amounts = self.shares.iter().map(difference).collect();
        let Some((first, charged)) = self.shards.first() else {
            return Settlement::done();
        };
        telemetry::settled(&first.key().resource, &self.limits, left.iter().copied());
        let periods: Amounts = self.shares.iter().map(|share| share.period).collect();
        let is_one = self.shards.len() == 1;
        if is_one && self.counted.is_empty() {
            return first.settle(&self.limits, &left, &periods, &[]);
        }
        // Never mint tokens: amounts that were only counted are not given back. A lease that was
        // bypassed stays bypassed.
        let bypassed = is_one && charged.iter().all(|amount| *amount == 0);
        let mut parts: SmallVec<[Amounts; 2]> = SmallVec::new();
        for (_, charged) in &self.shards {
            let takes = parts.is_empty() && !bypassed;
            let part = left.iter_mut().zip(charged).map(|(left, charged)| {
                let most = if takes { i64::MAX } else { 0 };
                let difference = (*left).clamp(charged.saturating_neg(), most);
                *left = left.saturating_sub(difference);
                difference
            });
            parts.push(part.collect());
        }
        let shards = self.shards.iter().zip(&parts).enumerate();
        shards
            .map(|(index, ((gate, _), part))| {
                let counts = if index == 0 { &left[..] } else { &[] };
                gate.settle(&self.limits, part, &periods, counts)
            })
            .reduce(Settlement::and)
            .unwrap_or_else(Settlement::done)
    }
}

impl Drop for GateGrant {
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.settle_difference(|share| share.charged.saturating_neg());
        }
    }
}

/// Returns the shares of a charge, after which the bucket held `left`.
fn shares(charged: &[i64], left: &[i64]) -> Shares {
    let share = |(charged, left): (&i64, &i64)| LimitShare {
        left: *left,
        ..LimitShare::asked(*charged)
    };
    charged.iter().zip(left).map(share).collect()
}

fn add(amounts: &mut [i64], more: &[i64]) {
    for (amount, more) in amounts.iter_mut().zip(more) {
        *amount = amount.saturating_add(*more);
    }
}

impl GateDecision {
    /// Sends the grant to the request that waits for it. `until` is the deadline of that request,
    /// if it is known. If the request is gone before its deadline, it was cancelled.
    pub(crate) fn send(self, reply: oneshot::Sender<Self>, until: Option<Instant>) {
        if let Err(Self::Granted(mut grant)) = reply.send(self)
            && until.is_some_and(|until| !left_until(until).is_zero())
        {
            grant.cancel();
        }
    }
}

/// A decision that is still to come. If the decision is dropped before it has come, the grant is
/// given back, but only a limited number of times.
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
        // The decision has arrived, and the request has not taken it.
        if let Ok(BucketDecision::Granted(mut grant)) = self.0.try_recv() {
            grant.cancel();
        }
    }
}

impl Future for PendingDecision {
    type Output = GateDecision;

    /// If the sender is gone, the runtime was shut down, and no decision can come.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<GateDecision> {
        let decision = Pin::new(&mut self.0).poll(context);
        decision.map(|decision| {
            decision.unwrap_or(BucketDecision::Unavailable(Unavailable::RuntimeGone))
        })
    }
}
