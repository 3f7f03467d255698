//! What a gate knows, and what it decides from that. No I/O, no time of its own.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{super::bucket::Verdict, SettleError};
use crate::{
    limiter::grant::Amounts,
    model::{
        BucketState, LimitStatus, Limits, Lineage, Parameters,
        plan::{self, Changes},
    },
};

#[derive(Debug, Default)]
pub(super) struct GateState {
    /// The bucket as the store last showed it.
    pub(super) seen: Seen,
    /// When it did: epoch ms.
    pub(super) seen_at: i64,
    /// Requests without a verdict, first come first.
    pub(super) queue: VecDeque<Waiter>,
    /// Differences of settled leases that are not on their way yet.
    pub(super) pending: Changes,
    /// Who waits for them.
    pub(super) confirmations: Vec<oneshot::Sender<Result<(), SettleError>>>,
    /// Whether a flight is under way.
    pub(super) flying: bool,
    /// Whether a timer runs that will let the pending differences fly alone.
    pub(super) flush_due: bool,
    /// Whether they may fly alone now.
    pub(super) flush_now: bool,
    /// How often in a row the pending differences could not be written.
    pub(super) failures: u32,
    /// Whether the store has refused the last write, and shown why.
    refused: bool,
}

/// The bucket as the store last showed it.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "nearly every gate has seen its bucket")]
pub(super) enum Seen {
    /// Not at all, or a write's answer was lost.
    #[default]
    Unknown,
    /// There was none.
    Absent,
    /// There it was.
    Present(BucketState),
}

/// A request without a verdict.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) limits: Limits,
    /// Whether the limits are the entity's own.
    pub(super) own: bool,
    /// The entity's parent, where it is known to have one.
    pub(super) lineage: Option<Arc<Lineage>>,
    pub(super) amounts: Amounts,
    pub(super) reply: oneshot::Sender<Verdict>,
}

/// What the next write does, for whom.
#[derive(Debug)]
pub(super) struct Batch {
    /// What it brings the bucket's parameters to.
    pub(super) wanted: Option<Limits>,
    /// Whether these are the entity's own, where that is known.
    pub(super) own: Option<bool>,
    /// The entity's parent, where one of them knows it.
    pub(super) lineage: Option<Arc<Lineage>>,
    /// Spends of the waiters and pending differences together.
    pub(super) changes: Changes,
    /// The pending differences alone.
    pub(super) pending: Changes,
    pub(super) waiters: Vec<Waiter>,
    pub(super) confirmations: Vec<oneshot::Sender<Result<(), SettleError>>>,
}

impl Seen {
    /// The bucket, unless it counts as gone.
    pub(super) fn live(&self, now: i64) -> Option<&BucketState> {
        match self {
            Self::Present(state) if !state.is_expired(now) => Some(state),
            _ => None,
        }
    }
}

impl GateState {
    /// Notes what the store has shown.
    pub(super) fn saw(&mut self, bucket: Option<BucketState>, now: i64) {
        self.seen = bucket.map_or(Seen::Absent, Seen::Present);
        self.seen_at = now;
    }

    /// Notes what the store has shown when it refused a write: requests that do not fit it were
    /// asked for, however short what is known may be trusted.
    pub(super) fn saw_refused(&mut self, bucket: Option<BucketState>, now: i64) {
        self.saw(bucket, now);
        self.refused = true;
    }

    /// Where the limits stand, if the request is known not to fit.
    pub(super) fn deny_from_memory(
        &self,
        limits: &Limits,
        amounts: &[i64],
        now: i64,
        trusted_for: Duration,
    ) -> Option<Vec<LimitStatus>> {
        if !self.is_fresh(now, trusted_for) {
            return None;
        }
        self.denial(limits, amounts, &self.pending, now)
    }

    fn is_fresh(&self, now: i64, trusted_for: Duration) -> bool {
        let age = now.saturating_sub(self.seen_at);
        (0..i64::try_from(trusted_for.as_millis()).unwrap_or(i64::MAX)).contains(&age)
    }

    /// Where the limits stand, if the bucket as it was seen has them and one of them is short.
    fn denial(&self, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> Option<Vec<LimitStatus>> {
        let state = self.seen.live(now)?;
        if plan::differs(state, limits) || fits(Some(state), limits, amounts, changes, now) {
            return None;
        }
        Some(plan::statuses(Some(state), limits, amounts, changes, now))
    }

    /// Takes the next batch off the queue. Requests that are known not to fit go to `denied`,
    /// those that nobody waits for any more are dropped. `None` where nothing is left to do.
    pub(super) fn next(
        &mut self,
        now: i64,
        trusted_for: Duration,
        denied: &mut Vec<(Waiter, Vec<LimitStatus>)>,
    ) -> Option<Batch> {
        self.queue.retain(|waiter| !waiter.reply.is_closed());
        let mut wanted = self.queue.front().map(|waiter| waiter.limits.clone());
        let mut own = self.queue.front().map(|waiter| waiter.own);
        let mut changes = self.pending.clone();
        let mut waiters = Vec::new();
        let mut later = VecDeque::new();
        let fresh = std::mem::take(&mut self.refused) || self.is_fresh(now, trusted_for);
        for waiter in std::mem::take(&mut self.queue) {
            // One write carries one set of parameters; others have their turn in the next one.
            let together = wanted.as_ref().is_some_and(|wanted| wanted.same(&waiter.limits));
            if together && fits(self.seen.live(now), &waiter.limits, &waiter.amounts, &changes, now) {
                spend(&mut changes, &waiter);
                waiters.push(waiter);
                continue;
            }
            match self.denial(&waiter.limits, &waiter.amounts, &changes, now).filter(|_| together && fresh) {
                Some(statuses) => denied.push((waiter, statuses)),
                None => later.push_back(waiter),
            }
        }
        self.queue = later;
        let carries = match (&wanted, self.seen.live(now)) {
            (Some(wanted), Some(state)) => plan::differs(state, wanted),
            _ => false,
        };
        if waiters.is_empty() && !carries {
            // What is known is too old to deny from, or of other parameters: ask for the first one
            // alone.
            if let Some(waiter) = self.queue.pop_front() {
                wanted = Some(waiter.limits.clone());
                own = Some(waiter.own);
                spend(&mut changes, &waiter);
                waiters.push(waiter);
            }
        }
        // How long to wait counts from the time at which a debt is written: that is now.
        self.flush_now |= !denied.is_empty() && self.pending.takes();
        let flushes = self.flush_now && !self.pending.is_empty();
        if waiters.is_empty() && !carries && !flushes {
            return None;
        }
        self.flush_now = false;
        let (pending, confirmations) = self.take_pending();
        let lineage = waiters.iter().find_map(|waiter| waiter.lineage.clone());
        Some(Batch { wanted, own, lineage, changes, pending, waiters, confirmations })
    }

    /// Puts a batch that was not written back to where it came from.
    pub(super) fn put_back(&mut self, batch: Batch) {
        for waiter in batch.waiters.into_iter().rev() {
            self.queue.push_front(waiter);
        }
        self.keep_pending(batch.pending, batch.confirmations);
        // Where the timer has run out meanwhile, nothing else would bring them on their way.
        self.flush_now |= !self.flush_due;
    }

    /// Takes the pending differences, and who waits for them.
    pub(super) fn take_pending(&mut self) -> (Changes, Vec<oneshot::Sender<Result<(), SettleError>>>) {
        (std::mem::take(&mut self.pending), std::mem::take(&mut self.confirmations))
    }

    /// Keeps differences that were not written for a later write.
    pub(super) fn keep_pending(
        &mut self,
        pending: Changes,
        confirmations: Vec<oneshot::Sender<Result<(), SettleError>>>,
    ) {
        self.pending.merge(&pending);
        self.confirmations.extend(confirmations);
    }
}

/// Whether every limit has what is asked of it, as far as is known. A bucket that does not exist,
/// and a limit that it does not have, count as full.
fn fits(state: Option<&BucketState>, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> bool {
    limits.iter().zip(amounts).all(|(limit, amount)| {
        let gone = changes.get(limit.name()).map_or(0, |change| change.spend.saturating_add(change.take));
        let wanted = Parameters::from(limit);
        match state.and_then(|state| Some((state, state.limit(limit.name())?))) {
            Some((state, known)) => {
                // A write that lowers the capacity cuts what is there to it before it spends.
                let capacity = wanted.shard(state.shard, state.shard_count).unwrap_or(known.rate).capacity();
                *amount <= 0
                    || (capacity.saturating_sub(gone) >= *amount && plan::fits(state, known, changes, *amount, now))
            }
            None => *amount <= 0 || wanted.capacity().saturating_sub(gone) >= *amount,
        }
    })
}

fn spend(changes: &mut Changes, waiter: &Waiter) {
    for (limit, amount) in waiter.limits.iter().zip(&waiter.amounts) {
        changes.spend(limit.name(), *amount);
    }
}
