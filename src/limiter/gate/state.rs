//! The state of a gate, and the decisions that depend on this state alone. No I/O, and no clock is
//! read.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::{sync::oneshot, time::Instant};

use super::{others::OtherWriters, pacing::Pace};
use crate::{
    limiter::{
        gate::{
            ask::RequestedAmounts, confirmation::Confirmation, grant::GateDecision, headroom::fits,
            prefetch_pool::PrefetchPool, pressure::WritePressure, stamp_check::StampCheck,
        },
        terms::{Amounts, BucketRefusal, ChargeContext, ConfigVersion, KnownFlags, Patience},
    },
    model::{
        BucketState, ClockReading, LimitName, LimitStatus, Limits, ParentLink,
        plan::{self, LedgerDelta, Siblings},
    },
};

#[derive(Debug, Default)]
pub(super) struct GateState {
    /// The bucket as the store last showed it.
    pub(super) seen: Seen,
    /// The time at which the store showed it, epoch ms.
    pub(super) seen_at: i64,
    /// The time at which the gate last denied or refused a request from memory, epoch ms.
    pub(super) denied_at: i64,
    /// The version of the bucket's parameters.
    pub(super) version: ConfigVersion,
    /// `true` if a wrong clock has left the bucket's refill time far in the future. No request is
    /// denied by such an image.
    pub(super) refill_in_future: bool,
    /// Requests without a decision, first come, first served.
    pub(super) queue: VecDeque<Waiter>,
    /// Differences of settled leases that no write carries yet.
    pub(super) pending: LedgerDelta,
    /// The settlements that wait for these differences.
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) is_writing: bool,
    /// `true` if a timer runs that will have the pending differences written alone.
    pub(super) flush_due: bool,
    /// `true` if the pending differences may be written alone now.
    pub(super) flush_now: bool,
    /// The number of failed tries in a row to write the pending differences.
    pub(super) failures: u32,
    /// The time at which the bucket was last split, or a split was last tried, epoch ms.
    pub(super) split_at: i64,
    /// The write pressure on the item, which shows if the item is written as often as it can be.
    pub(super) pressed: WritePressure,
    /// The other writers of the bucket.
    pub(super) others: OtherWriters,
    /// The time at which the last write was planned, if it was refused because the bucket had too
    /// few tokens; epoch ms.
    pub(super) found_at: Option<i64>,
    /// The number of consecutive writes that take tokens for settled leases and were refused.
    pub(super) takes_refused: u32,
    /// The largest amount that one request has asked of each limit, millitokens.
    pub(super) most_asked: SmallVec<[(LimitName, i64); 2]>,
    pub(super) prefetch_pool: Option<Box<PrefetchPool>>,
    pub(super) pace: Pace,
    /// `true` if the store has just shown the bucket for the requests that wait.
    pub(super) shown: bool,
    /// The facts about the other shards, read for the next write because it adds a quota.
    pub(super) surveyed: Option<Box<Siblings>>,
    /// The last read of the configs for the bucket's stamps, if there was one.
    pub(super) stamp_check: Option<Box<StampCheck>>,
}

/// The bucket as the store last showed it.
#[derive(Debug, Default)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every gate has seen its bucket"
)]
pub(super) enum Seen {
    /// The state is not known: the store has not shown it yet, or the answer to a write was lost.
    #[default]
    Unknown,
    /// The store had no such bucket.
    Absent,
    /// The store had this bucket.
    Present(BucketState),
}

/// A request that waits for its decision.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) limits: Limits,
    /// The version of the limits.
    pub(super) version: ConfigVersion,
    /// `true` if the limits are the entity's own; `None` if that is not known.
    pub(super) own: Option<bool>,
    /// The entity's parent, if the entity is known to have one.
    pub(super) lineage: Option<Arc<ParentLink>>,
    pub(super) amounts: Amounts,
    /// The flags of the stored configs.
    pub(super) flags: KnownFlags,
    /// Set for a request that waits until the debt that it causes is refilled.
    pub(super) patience: Option<Box<Patience>>,
    /// The deadline of the caller; `None` if there is none.
    pub(super) until: Option<Instant>,
    /// The number of writes with this request that were refused because others had written the
    /// item.
    pub(super) races: u32,
    /// `true` if a lease asks for more.
    pub(super) is_top_up: bool,
    pub(super) reply: oneshot::Sender<GateDecision>,
}

impl Waiter {
    /// Creates a waiter with the deadline `until`, or without one.
    pub(super) fn new(
        limits: &Limits,
        context: &ChargeContext,
        amounts: Amounts,
        until: Option<Instant>,
        reply: oneshot::Sender<GateDecision>,
    ) -> Self {
        let (limits, lineage, patience) = (
            limits.clone(),
            context.lineage.clone(),
            context.patience.clone(),
        );
        let (version, own, is_top_up) = (context.version, Some(context.own), context.is_top_up);
        Self {
            limits,
            version,
            own,
            lineage,
            amounts,
            flags: context.flags,
            patience,
            until,
            races: 0,
            is_top_up,
            reply,
        }
    }

    /// Sends the decision to the request. It must not be called under the lock: if nobody takes a
    /// grant, it goes back to the gate.
    pub(super) fn answer(self, decision: GateDecision) {
        let _ = self.reply.send(decision);
    }

    pub(super) fn requested(&self) -> RequestedAmounts<'_> {
        let debts = self.patience.as_deref().map(|patience| &patience.debts[..]);
        RequestedAmounts {
            limits: &self.limits,
            amounts: &self.amounts,
            debts,
            bypassed: self.flags.bypassed,
        }
    }
}

impl Seen {
    /// Returns the bucket unless it is unknown, absent or expired.
    pub(super) fn live(&self, now: i64) -> Option<&BucketState> {
        match self {
            Self::Present(state) if !state.is_expired(now) => Some(state),
            _ => None,
        }
    }
}

impl GateState {
    /// Notes the amounts that a request asks for.
    pub(super) fn asked(&mut self, limits: &Limits, amounts: &[i64]) {
        for (limit, amount) in limits.iter().zip(amounts) {
            match self
                .most_asked
                .iter_mut()
                .find(|(name, _)| name == limit.name())
            {
                Some((_, most)) => *most = (*most).max(*amount),
                None => self.most_asked.push((limit.name().clone(), *amount)),
            }
        }
    }

    /// Returns the largest amount that one request has asked of a limit, millitokens.
    pub(super) fn most_asked(&self, limit: &LimitName) -> i64 {
        self.most_asked
            .iter()
            .find(|(name, _)| name == limit)
            .map_or(0, |(_, most)| *most)
    }

    /// Notes the bucket as the store has shown it.
    pub(super) fn saw(&mut self, bucket: Option<BucketState>, now: ClockReading) {
        match (&self.seen, &bucket) {
            (Seen::Present(before), Some(after)) if plan::same_parameters(before, after) => {}
            (Seen::Present(_), Some(_)) => self.version = ConfigVersion::as_of(now.at),
            (_, Some(_)) => self.version = self.version.seen_again(now.at),
            (_, None) => {}
        }
        self.refill_in_future = bucket
            .as_ref()
            .is_some_and(|bucket| now.is_far_before(bucket.refilled_at));
        self.seen = bucket.map_or(Seen::Absent, Seen::Present);
        self.seen_at = now.at;
    }

    /// Notes the bucket as a read or a refused write has shown it. This image decides the requests
    /// that wait, even if images never count as fresh. Later requests are not decided by it.
    pub(super) fn was_shown(&mut self, bucket: Option<BucketState>, now: ClockReading) {
        self.saw(bucket, now);
        self.shown = !self.queue.is_empty();
    }

    /// Returns the reason why the bucket grants nothing, if a fresh image shows one.
    pub(super) fn refuse_from_memory(
        &self,
        now: i64,
        trusted_for: Duration,
    ) -> Option<BucketRefusal> {
        self.refusal(now)
            .filter(|_| self.is_fresh(now, trusted_for))
    }

    /// Returns the reason why the bucket grants nothing, if the last image shows one.
    pub(super) fn refusal(&self, now: i64) -> Option<BucketRefusal> {
        BucketRefusal::of(self.seen.live(now)?)
    }

    /// Returns the statuses of the limits if a fresh image shows that the request does not fit.
    pub(super) fn deny_from_memory(
        &self,
        requested: RequestedAmounts<'_>,
        now: i64,
        trusted_for: Duration,
    ) -> Option<Vec<LimitStatus>> {
        if !self.is_fresh(now, trusted_for) {
            return None;
        }
        self.denial(requested, &self.pending, now)
    }

    pub(super) fn is_fresh(&self, now: i64, trusted_for: Duration) -> bool {
        let age = now.saturating_sub(self.seen_at);
        (0..i64::try_from(trusted_for.as_millis()).unwrap_or(i64::MAX)).contains(&age)
    }

    /// Returns the statuses of the limits if the last image has these limits and the request does
    /// not fit.
    pub(super) fn denial(
        &self,
        requested: RequestedAmounts<'_>,
        changes: &LedgerDelta,
        now: i64,
    ) -> Option<Vec<LimitStatus>> {
        let state = self.seen.live(now)?;
        if self.refill_in_future
            || self.awaits_stamps(requested.bypassed, now)
            || plan::differs(state, requested.limits)
            || fits(Some(state), requested, changes, now)
        {
            return None;
        }
        Some(plan::statuses(
            Some(state),
            requested.limits,
            requested.amounts,
            changes,
            now,
        ))
    }
}
