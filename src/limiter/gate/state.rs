//! What a gate knows, and what it decides from that. No I/O, no time of its own.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::{sync::oneshot, time::Instant};

use super::{
    super::bucket::{Refusal, Verdict},
    Confirmation,
    ahead::Ahead,
    growth::Pressed,
    pacing::Pace,
};
use crate::{
    limiter::{carried::Handover, charge::Mode, grant::Amounts},
    model::{
        BucketState, Limit, LimitName, LimitStatus, Limits, Lineage, Now, Parameters,
        plan::{self, Changes},
    },
};

/// For how long limits that were looked up count as younger than a bucket that is seen for the first
/// time: ms.
const STILL_YOUNG: i64 = 1000;

#[derive(Debug, Default)]
pub(super) struct GateState {
    /// The bucket as the store last showed it.
    pub(super) seen: Seen,
    /// When it did: epoch ms.
    pub(super) seen_at: i64,
    /// When it was first seen with the parameters that it has, epoch ms.
    pub(super) changed_at: i64,
    /// Whether requests came with limits that were looked up before.
    pub(super) doubtful: bool,
    /// Whether a wrong clock has left its refill time far ahead: nothing is denied by it.
    ahead: bool,
    /// Requests without a verdict, first come first.
    pub(super) queue: VecDeque<Waiter>,
    /// Differences of settled leases that are not on their way yet.
    pub(super) pending: Changes,
    /// Who waits for them.
    pub(super) confirmations: Vec<Confirmation>,
    /// Whether a flight is under way.
    pub(super) flight: Flight,
    /// Whether a timer runs that will let the pending differences fly alone.
    pub(super) flush_due: bool,
    /// Whether they may fly alone now.
    pub(super) flush_now: bool,
    /// How often in a row the pending differences could not be written.
    pub(super) failures: u32,
    /// When the bucket was split last, or tried to be: epoch ms.
    pub(super) split_at: i64,
    /// Whether the item is written as often as it can be.
    pub(super) pressed: Pressed,
    /// The most that one request has asked of each limit: millitokens.
    pub(super) most_asked: SmallVec<[(LimitName, i64); 2]>,
    /// What was taken ahead.
    pub(super) ahead_of: Option<Box<Ahead>>,
    /// How flights are spaced.
    pub(super) pace: Pace,
    /// Whether the store has just shown the bucket because somebody asks for it.
    shown: bool,
}

/// What carries batches to the store.
#[derive(Debug, Default)]
pub(super) enum Flight {
    /// Nothing is under way.
    #[default]
    None,
    /// A task of its own.
    Task,
    /// The caller of its only request.
    Carried(Handover),
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
    /// When they were looked up, epoch ms.
    known_at: i64,
    /// Whether the limits are the entity's own, where that is known.
    pub(super) own: Option<bool>,
    /// The entity's parent, where it is known to have one.
    pub(super) lineage: Option<Arc<Lineage>>,
    pub(super) amounts: Amounts,
    /// When it came.
    pub(super) since: Instant,
    pub(super) reply: oneshot::Sender<Verdict>,
}

impl Waiter {
    /// It comes at `since`.
    pub(super) fn new(
        limits: &Limits,
        mode: &Mode,
        amounts: Amounts,
        since: Instant,
        reply: oneshot::Sender<Verdict>,
    ) -> Self {
        let (limits, lineage) = (limits.clone(), mode.lineage.clone());
        Self { limits, known_at: mode.known_at, own: Some(mode.own), lineage, amounts, since, reply }
    }
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
    /// Whether the bucket admits the waiters without charging them.
    pub(super) bypassed: bool,
    pub(super) waiters: Vec<Waiter>,
    pub(super) confirmations: Vec<Confirmation>,
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
    /// Notes what a request asks for.
    pub(super) fn asked(&mut self, limits: &Limits, amounts: &[i64]) {
        for (limit, amount) in limits.iter().zip(amounts) {
            match self.most_asked.iter_mut().find(|(name, _)| name == limit.name()) {
                Some((_, most)) => *most = (*most).max(*amount),
                None => self.most_asked.push((limit.name().clone(), *amount)),
            }
        }
    }

    /// The most that one request has asked of a limit: millitokens.
    pub(super) fn most_asked(&self, limit: &LimitName) -> i64 {
        self.most_asked.iter().find(|(name, _)| name == limit).map_or(0, |(_, most)| *most)
    }

    /// Notes what the store has shown.
    pub(super) fn saw(&mut self, bucket: Option<BucketState>, now: Now) {
        match (&self.seen, &bucket) {
            (Seen::Present(before), Some(after)) if plan::same_parameters(before, after) => {}
            (Seen::Present(_), Some(_)) => self.changed_at = now.at,
            (_, Some(_)) => self.changed_at = self.changed_at.max(now.at.saturating_sub(STILL_YOUNG)),
            (_, None) => {}
        }
        self.ahead = bucket.as_ref().is_some_and(|bucket| now.is_far_before(bucket.refilled_at));
        self.seen = bucket.map_or(Seen::Absent, Seen::Present);
        self.seen_at = now.at;
    }

    /// Requests whose limits were looked up before the bucket came to have other parameters go by what it
    /// has: two processes, one of which knows the old limits, would write theirs over each other's.
    fn follow(&mut self, now: i64) {
        let Some(state) = self.seen.live(now) else { return };
        for waiter in self.queue.iter_mut().filter(|waiter| waiter.known_at < self.changed_at) {
            if let Some(limits) = plan::limits_of(state, &waiter.limits) {
                waiter.limits = limits;
                waiter.own = None;
                waiter.lineage = None;
                self.doubtful = true;
            }
        }
    }

    /// Whether the bucket came to have its parameters after limits were looked up at `known_at`.
    pub(super) fn changed_since(&self, known_at: i64) -> bool {
        known_at < self.changed_at
    }

    /// Since when the limits that requests come with may be too old, if they are: epoch ms.
    pub(super) fn take_doubt(&mut self) -> Option<i64> {
        std::mem::take(&mut self.doubtful).then_some(self.changed_at)
    }

    /// Whether a wrong clock has left the refill time of the bucket far ahead.
    pub(super) fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// Notes what the store has shown when it was asked or refused a write: the requests that wait
    /// are decided by it, however short what is known may be trusted.
    pub(super) fn was_shown(&mut self, bucket: Option<BucketState>, now: Now) {
        self.saw(bucket, now);
        self.shown = true;
    }

    /// Why the bucket grants nothing, if that is known.
    pub(super) fn refuse_from_memory(&self, now: i64, trusted_for: Duration) -> Option<Refusal> {
        self.refusal(now).filter(|_| self.is_fresh(now, trusted_for))
    }

    /// Why the bucket as it was seen grants nothing.
    fn refusal(&self, now: i64) -> Option<Refusal> {
        Refusal::of(self.seen.live(now)?)
    }

    /// Everything that waits, if the bucket as it was seen grants nothing but may have been seen too
    /// long ago: nothing can be planned before it is looked at again.
    pub(super) fn suspended(&mut self, now: i64, trusted_for: Duration) -> Option<Batch> {
        let known = self.shown || self.is_fresh(now, trusted_for);
        if self.queue.is_empty() || known || self.refusal(now).is_none() {
            return None;
        }
        Some(self.all())
    }

    /// Everything that waits.
    pub(super) fn all(&mut self) -> Batch {
        let waiters = std::mem::take(&mut self.queue).into();
        let (pending, confirmations) = self.take_pending();
        Batch {
            wanted: None,
            own: None,
            lineage: None,
            changes: pending.clone(),
            pending,
            bypassed: false,
            waiters,
            confirmations,
        }
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

    pub(super) fn is_fresh(&self, now: i64, trusted_for: Duration) -> bool {
        let age = now.saturating_sub(self.seen_at);
        (0..i64::try_from(trusted_for.as_millis()).unwrap_or(i64::MAX)).contains(&age)
    }

    /// Where the limits stand, if the bucket as it was seen has them and one of them is short.
    fn denial(&self, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> Option<Vec<LimitStatus>> {
        let state = self.seen.live(now)?;
        if self.ahead || plan::differs(state, limits) || fits(Some(state), limits, amounts, changes, now) {
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
        denied: &mut Vec<(Waiter, Verdict)>,
    ) -> Option<Batch> {
        self.queue.retain(|waiter| !waiter.reply.is_closed());
        self.follow(now);
        let mut wanted = self.queue.front().map(|waiter| waiter.limits.clone());
        let mut own = self.queue.front().and_then(|waiter| waiter.own);
        let mut changes = self.pending.clone();
        let mut waiters = Vec::new();
        let mut later = VecDeque::new();
        let fresh = std::mem::take(&mut self.shown) || self.is_fresh(now, trusted_for);
        let refusal = self.refusal(now);
        let bypassed = self.seen.live(now).is_some_and(|state| state.is_bypassed(now));
        let enter = if bypassed { admit } else { spend };
        let modest = self.is_modest(&changes, now);
        let mut room = Room::new(self.seen.live(now), wanted.as_ref(), &changes, now);
        for waiter in std::mem::take(&mut self.queue) {
            // One write carries one set of parameters; others have their turn in the next one.
            if let Some(refusal) = &refusal {
                denied.push((waiter, Verdict::Refused(refusal.clone())));
                continue;
            }
            if let Some(statuses) = self.give_up(&waiter.limits, &waiter.amounts, waiter.since, &changes, now) {
                denied.push((waiter, Verdict::Denied(statuses)));
                continue;
            }
            if modest && !self.held(&waiter, &changes, now) {
                later.push_back(waiter);
                continue;
            }
            let together = wanted.as_ref().is_some_and(|wanted| wanted.same(&waiter.limits));
            if together && room.take(&waiter.amounts) {
                enter(&mut changes, &waiter);
                waiters.push(waiter);
                continue;
            }
            match self.denial(&waiter.limits, &waiter.amounts, &changes, now).filter(|_| together && fresh) {
                Some(statuses) => denied.push((waiter, Verdict::Denied(statuses))),
                None => later.push_back(waiter),
            }
        }
        self.queue = later;
        let carries = match (&wanted, self.seen.live(now)) {
            (Some(wanted), Some(state)) => refusal.is_none() && (self.ahead || plan::differs(state, wanted)),
            _ => false,
        };
        if waiters.is_empty() && !carries {
            // What is known is too old to deny from, or of other parameters: ask for the first one
            // alone.
            if let Some(waiter) = self.queue.pop_front() {
                wanted = Some(waiter.limits.clone());
                own = waiter.own;
                enter(&mut changes, &waiter);
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
        Some(Batch { wanted, own, lineage, changes, pending, bypassed, waiters, confirmations })
    }

    /// Puts a batch that was not written back to where it came from.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.await_turn(batch.waiters);
        self.keep_pending(batch.pending, batch.confirmations);
        // Where the timer has run out meanwhile, nothing else would bring them on their way.
        self.flush_now |= !self.flush_due;
    }

    /// Puts requests back to the head of the queue.
    pub(super) fn await_turn(&mut self, waiters: Vec<Waiter>) {
        for waiter in waiters.into_iter().rev() {
            self.queue.push_front(waiter);
        }
    }

    /// Takes the pending differences, and who waits for them.
    pub(super) fn take_pending(&mut self) -> (Changes, Vec<Confirmation>) {
        (std::mem::take(&mut self.pending), std::mem::take(&mut self.confirmations))
    }

    /// Keeps differences that were not written for a later write.
    pub(super) fn keep_pending(&mut self, pending: Changes, confirmations: Vec<Confirmation>) {
        self.pending.merge(&pending);
        self.confirmations.extend(confirmations);
    }
}

/// Whether every limit has what is asked of it, as far as is known.
fn fits(state: Option<&BucketState>, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> bool {
    Room::new(state, Some(limits), changes, now).take(amounts)
}

/// What more can be granted of each limit, as far as is known: millitokens; `None` where there is no end to
/// it. A bucket that does not exist, and a limit that it does not have, count as full.
struct Room(SmallVec<[Option<i64>; 2]>);

impl Room {
    fn new(state: Option<&BucketState>, limits: Option<&Limits>, changes: &Changes, now: i64) -> Self {
        let bypassed = state.is_some_and(|state| state.is_bypassed(now));
        let left = |limit: &Limit| {
            let gone = changes.get(limit.name()).map_or(0, |change| change.spend.saturating_add(change.take));
            let wanted = Parameters::from(limit);
            let Some((state, known)) = state.and_then(|state| Some((state, state.limit(limit.name())?))) else {
                return Some(wanted.capacity().saturating_sub(gone));
            };
            if state.is_soft(&known.name, now) {
                return None;
            }
            // A write that lowers the capacity cuts what is there to it before it spends.
            let capacity = wanted.shard(state.shard, state.shard_count).unwrap_or(known.rate).capacity();
            Some(capacity.saturating_sub(gone).min(plan::projected(state, known, changes, now).tokens))
        };
        let left = |limit: &Limit| if bypassed { None } else { left(limit) };
        Self(limits.into_iter().flat_map(|limits| limits.iter()).map(left).collect())
    }

    /// Takes `amounts`, if there is room for all of them.
    fn take(&mut self, amounts: &[i64]) -> bool {
        let fits = |(left, amount): (&Option<i64>, &i64)| *amount <= 0 || left.is_none_or(|left| left >= *amount);
        if !self.0.iter().zip(amounts).all(fits) {
            return false;
        }
        for (left, amount) in self.0.iter_mut().zip(amounts) {
            *left = left.map(|left| left.saturating_sub((*amount).max(0)));
        }
        true
    }
}

fn spend(changes: &mut Changes, waiter: &Waiter) {
    for (limit, amount) in waiter.limits.iter().zip(&waiter.amounts) {
        changes.spend(limit.name(), *amount);
    }
}

fn admit(changes: &mut Changes, waiter: &Waiter) {
    for (limit, amount) in waiter.limits.iter().zip(&waiter.amounts) {
        changes.admit(limit.name(), *amount);
    }
}
