//! Selects the next batch of requests, first come, first served, and puts requests back if a write
//! was not done.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    error::Unavailable,
    limiter::{
        gate::{
            confirmation::Confirmation,
            grant::GateDecision,
            headroom::{Headroom, fits},
            state::{GateState, Waiter},
        },
        terms::{BucketDecision, BucketRefusal, ConfigVersion},
    },
    model::{
        BucketTtl, Limits, ParentLink,
        plan::{self, Desired, LedgerDelta, Others, Siblings},
    },
};

/// The changes of the next write, and the requests that it serves.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The limits that the bucket has after the write; `None` if they stay as they are.
    pub(super) limits: Option<Limits>,
    /// `true` if these limits are the entity's own; `None` if that is not known.
    pub(super) own: Option<bool>,
    /// The entity's parent, if one of the requests knows it.
    pub(super) lineage: Option<Arc<ParentLink>>,
    /// The changes of the write: the spends of the waiters, and the pending differences.
    pub(super) changes: LedgerDelta,
    /// The pending differences, which are also part of `changes`.
    pub(super) pending: LedgerDelta,
    /// `true` if the bucket admits the waiters without charging them.
    pub(super) bypassed: bool,
    pub(super) waiters: Vec<Waiter>,
    pub(super) confirmations: Vec<Confirmation>,
    /// The known facts about the bucket's other shards.
    pub(super) siblings: Siblings,
}

impl Batch {
    /// Returns the limits and the parent that the bucket has after the write, and the `others` to
    /// expect. An unused bucket
    /// is deleted after `ttl`.
    pub(super) fn desired(&self, others: Others, ttl: BucketTtl) -> Desired<'_> {
        let limits = self.limits.as_deref().unwrap_or_default();
        Desired {
            limits,
            own: self.own,
            lineage: self.lineage.as_deref(),
            others,
            siblings: self.siblings.clone(),
            ttl,
        }
    }
}

impl Waiter {
    /// Returns `true` if the request asks for more than a new bucket would hold.
    fn misfits(&self, now: i64) -> bool {
        self.limits.have_a_clock() && !fits(None, self.requested(), &LedgerDelta::new(), now)
    }
}

impl GateState {
    /// Drops requests that nobody waits for any more. If the limits of a request are older than the
    /// bucket's parameters, replaces them by these parameters. Otherwise two processes, one of them
    /// with the old limits, would overwrite each other's parameters. If limits were replaced,
    /// returns the version of the parameters: cached limits that are older are in doubt.
    pub(super) fn follow(&mut self, now: i64) -> Option<ConfigVersion> {
        self.queue.retain(|waiter| !waiter.reply.is_closed());
        let state = self.seen.live(now)?;
        let mut in_doubt = false;
        for waiter in self
            .queue
            .iter_mut()
            .filter(|waiter| waiter.version.is_older_than(self.version))
        {
            if let Some(limits) = plan::limits_of(state, &waiter.limits) {
                if let Some(patience) = &mut waiter.patience {
                    patience.follow(&limits, now);
                }
                waiter.limits = limits;
                waiter.own = None;
                waiter.lineage = None;
                in_doubt = true;
            }
        }
        in_doubt.then_some(self.version)
    }

    /// Takes all requests and differences that wait, if the last image shows a bucket that is
    /// disabled or not understood, but the image is not fresh. The bucket must be read again before
    /// a write can be planned.
    pub(super) fn suspended(&mut self, now: i64, trusted_for: Duration) -> Option<Batch> {
        let known = self.shown || self.is_fresh(now, trusted_for);
        if self.queue.is_empty() || known || self.refusal(now).is_none() {
            return None;
        }
        Some(self.all())
    }

    /// Returns `true` if a request waits, or differences are to be written now.
    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty() || (self.flush_now && !self.pending.is_empty())
    }

    /// Takes all requests and differences that wait.
    pub(super) fn all(&mut self) -> Batch {
        self.flush_now = false;
        let waiters = std::mem::take(&mut self.queue).into();
        let (pending, confirmations) = self.take_pending();
        Batch {
            changes: pending.clone(),
            pending,
            waiters,
            confirmations,
            ..Batch::default()
        }
    }

    /// Returns `true` if the last image shows a bucket that cannot have a request's limits, because
    /// it has a calendar or schedule in another time zone.
    pub(super) fn is_in_another_zone(&self, now: i64) -> bool {
        let bucket = self.seen.live(now);
        let other =
            |waiter: &Waiter, state| BucketRefusal::of_zones(state, &waiter.limits).is_some();
        let mut clocked = self
            .queue
            .iter()
            .filter(|waiter| waiter.limits.have_a_clock());
        clocked.any(|waiter| bucket.is_some_and(|state| other(waiter, state)))
    }

    /// Refuses the requests that the bucket cannot have, because it has another calendar or schedule
    /// in another time zone. If some are refused, returns the version of the bucket's parameters:
    /// cached limits that are older are in doubt.
    pub(super) fn refuse_zones(
        &mut self,
        now: i64,
        denied: &mut Vec<(Waiter, GateDecision)>,
    ) -> Option<ConfigVersion> {
        if !self.queue.iter().any(|waiter| waiter.limits.have_a_clock()) {
            return None;
        }
        let before = denied.len();
        for waiter in std::mem::take(&mut self.queue) {
            let bucket = self.seen.live(now);
            let of_zones = |state| BucketRefusal::of_zones(state, &waiter.limits);
            match bucket.and_then(of_zones) {
                Some(refusal) => denied.push((waiter, BucketDecision::Refused(refusal))),
                None => self.queue.push_back(waiter),
            }
        }
        (denied.len() > before).then_some(self.version)
    }

    /// Returns `true` if the bucket does not exist, as far as is known, and a request asks for more
    /// than a new one would hold: a schedule can make a capacity smaller than a valid cost.
    pub(super) fn asks_too_much(&self, now: i64) -> bool {
        self.seen.live(now).is_none() && self.queue.iter().any(|waiter| waiter.misfits(now))
    }

    /// Denies the requests that ask for more than a new bucket would hold.
    pub(super) fn deny_misfits(&mut self, now: i64, denied: &mut Vec<(Waiter, GateDecision)>) {
        for waiter in std::mem::take(&mut self.queue) {
            if waiter.misfits(now) {
                let nothing = LedgerDelta::new();
                let statuses = plan::statuses(None, &waiter.limits, &waiter.amounts, &nothing, now);
                denied.push((waiter, BucketDecision::Denied(statuses)));
            } else {
                self.queue.push_back(waiter);
            }
        }
    }

    /// Takes the next batch off the queue. Requests that are known not to fit go to `denied`.
    /// Returns `None` if there is nothing to write.
    pub(super) fn next(
        &mut self,
        now: i64,
        trusted_for: Duration,
        denied: &mut Vec<(Waiter, GateDecision)>,
    ) -> Option<Batch> {
        let mut limits = self.queue.front().map(|waiter| waiter.limits.clone());
        let mut own = self.queue.front().and_then(|waiter| waiter.own);
        let mut changes = self.pending.clone();
        let mut waiters = Vec::new();
        let mut later = VecDeque::new();
        let fresh = std::mem::take(&mut self.shown) || self.is_fresh(now, trusted_for);
        let refusal = self.refusal(now);
        let state = self.seen.live(now);
        let bypassed = match state {
            Some(state) => state.is_bypassed(now),
            None => self.creates_bypassed(),
        };
        let shards = state.map_or(1, |state| state.shard_count);
        let enter = |changes: &mut LedgerDelta, waiter: &Waiter| {
            if bypassed {
                admit(changes, waiter)
            } else {
                spend(changes, waiter, shards)
            }
        };
        // After a write that found too few tokens, grant no more than the bucket held then: others
        // may take what was refilled since.
        let first_fits = |at: &i64| {
            self.queue
                .front()
                .is_some_and(|first| fits(state, first.requested(), &changes, *at))
        };
        let room_at = self.found_at.filter(first_fits).unwrap_or(now);
        let mut room = Headroom::new(state, limits.as_ref(), &changes, room_at);
        self.found_at = None;
        for waiter in std::mem::take(&mut self.queue) {
            if let Some(refusal) = &refusal {
                denied.push((waiter, BucketDecision::Refused(refusal.clone())));
                continue;
            }
            // One write carries one set of parameters. Requests with other limits wait for the next
            // write.
            let same_limits = limits
                .as_ref()
                .is_some_and(|limits| limits.same(&waiter.limits));
            let first = waiters.is_empty() && later.is_empty();
            if same_limits
                && (room.take(waiter.requested()) || (first && self.fits(&waiter, &changes, now)))
            {
                enter(&mut changes, &waiter);
                waiters.push(waiter);
                continue;
            }
            match self
                .denial(waiter.requested(), &changes, now)
                .filter(|_| same_limits && fresh)
            {
                Some(statuses) => denied.push((waiter, BucketDecision::Denied(statuses))),
                None => later.push_back(waiter),
            }
        }
        self.queue = later;
        let carries = match (&limits, self.seen.live(now)) {
            (Some(limits), Some(state)) => {
                refusal.is_none() && (self.refill_in_future || plan::differs(state, limits))
            }
            _ => false,
        };
        if waiters.is_empty() && !carries {
            // The image is too old to deny by, or has other parameters: send the first request
            // alone.
            if let Some(waiter) = self.queue.pop_front() {
                limits = Some(waiter.limits.clone());
                own = waiter.own;
                enter(&mut changes, &waiter);
                waiters.push(waiter);
            }
        }
        // The wait of a denied request counts from the time at which a debt is written, so write
        // the debt now.
        self.flush_now |= !denied.is_empty() && self.pending.takes();
        let flushes = self.flush_now && !self.pending.is_empty();
        if waiters.is_empty() && !carries && !flushes {
            return None;
        }
        self.flush_now = false;
        let (pending, confirmations) = self.take_pending();
        let lineage = waiters.iter().find_map(|waiter| waiter.lineage.clone());
        Some(Batch {
            limits,
            own,
            lineage,
            changes,
            pending,
            bypassed,
            waiters,
            confirmations,
            siblings: Siblings::default(),
        })
    }

    fn fits(&self, waiter: &Waiter, changes: &LedgerDelta, now: i64) -> bool {
        fits(self.seen.live(now), waiter.requested(), changes, now)
    }

    /// Takes the debts from the pending differences, if writes of them were refused at least `most`
    /// times in a row. The debts are then written even if the bucket does not have the tokens.
    pub(super) fn overdue_takes(&mut self, most: u32) -> Option<Batch> {
        if self.takes_refused < most || !self.pending.takes() {
            return None;
        }
        let (takes, gives) = self.pending.split_takes();
        self.pending = gives;
        self.flush_now |= !self.pending.is_empty();
        let confirmations = std::mem::take(&mut self.confirmations);
        Some(Batch {
            changes: takes.clone(),
            pending: takes,
            confirmations,
            ..Batch::default()
        })
    }

    /// Puts the requests and the differences of a batch that was not written back.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.await_turn(batch.waiters);
        self.keep_pending(batch.pending, batch.confirmations);
        // If the timer has fired meanwhile, nothing else would start the write of these
        // differences.
        self.flush_now |= !self.flush_due;
    }

    /// Takes the requests off the queue whose deadline is before `back`. These requests get no
    /// decision, for the reason `why`.
    pub(super) fn overdue(
        &mut self,
        back: Instant,
        why: Unavailable,
    ) -> Vec<(Waiter, GateDecision)> {
        let is_late = |waiter: &Waiter| waiter.until.is_some_and(|until| until < back);
        if !self.queue.iter().any(is_late) {
            return Vec::new();
        }
        let (late, queue) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(is_late);
        self.queue = queue;
        let late: VecDeque<Waiter> = late;
        late.into_iter()
            .map(|waiter| (waiter, BucketDecision::Unavailable(why.clone())))
            .collect()
    }

    /// Puts requests back at the head of the queue.
    pub(super) fn await_turn(&mut self, waiters: Vec<Waiter>) {
        for waiter in waiters.into_iter().rev() {
            self.queue.push_front(waiter);
        }
    }

    /// Takes the pending differences, and the confirmations of those who wait for them.
    pub(super) fn take_pending(&mut self) -> (LedgerDelta, Vec<Confirmation>) {
        (
            std::mem::take(&mut self.pending),
            std::mem::take(&mut self.confirmations),
        )
    }

    /// Keeps differences that were not written, for a later write.
    pub(super) fn keep_pending(&mut self, pending: LedgerDelta, confirmations: Vec<Confirmation>) {
        self.pending.merge(&pending);
        self.confirmations.extend(confirmations);
    }
}

/// Adds the amounts that a waiter is granted to the changes of a batch.
pub(super) fn spend(changes: &mut LedgerDelta, waiter: &Waiter, shards: u32) {
    let requested = waiter.requested();
    for (index, (limit, amount)) in waiter.limits.iter().zip(&waiter.amounts).enumerate() {
        changes.reserve(limit.name(), *amount, requested.debt(index, shards));
    }
}

fn admit(changes: &mut LedgerDelta, waiter: &Waiter) {
    for (limit, amount) in waiter.limits.iter().zip(&waiter.amounts) {
        changes.admit(limit.name(), *amount);
    }
}
