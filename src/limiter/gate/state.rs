//! The state of a gate, and the decisions that follow from it alone. No I/O, no time of its own.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use smallvec::SmallVec;
use tokio::{sync::oneshot, time::Instant};

use super::{
    super::bucket::{Refusal, Verdict},
    growth::Pressed,
    others::Others,
    pacing::Pace,
    room::fits,
    settling::Confirmation,
};
use crate::{
    limiter::{
        charge::{Mode, Patience},
        lease::Amounts,
        prefetch::Pool,
    },
    model::{
        BucketState, LimitName, LimitStatus, Limits, Lineage, Now,
        plan::{self, Changes},
    },
};

/// For how long limits that were looked up count as younger than a bucket that is seen for the first
/// time: ms. A look-up may count as a second older than it is.
const STILL_YOUNG: i64 = 2000;

#[derive(Debug, Default)]
pub(super) struct GateState {
    /// The bucket as the store last showed it.
    pub(super) seen: Seen,
    /// When it did: epoch ms.
    pub(super) seen_at: i64,
    /// When somebody was denied by that alone: epoch ms.
    pub(super) denied_at: i64,
    /// When it was first seen with the parameters that it has, epoch ms.
    pub(super) changed_at: i64,
    /// Requests came with limits that were looked up before the bucket got its parameters.
    pub(super) doubtful: bool,
    /// A wrong clock has left the bucket's refill time far ahead: nothing is denied by it.
    pub(super) ahead: bool,
    /// Requests without a verdict, first come first.
    pub(super) queue: VecDeque<Waiter>,
    /// Differences of settled leases that are not on their way yet.
    pub(super) pending: Changes,
    /// The settlements that wait for these differences.
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) flying: bool,
    /// A timer runs that will let the pending differences fly alone.
    pub(super) flush_due: bool,
    /// The pending differences may fly alone now.
    pub(super) flush_now: bool,
    /// How often in a row the pending differences could not be written.
    pub(super) failures: u32,
    /// When the bucket was split last, or tried to be: epoch ms.
    pub(super) split_at: i64,
    /// The pressure on the item: if it is written as often as it can be.
    pub(super) pressed: Pressed,
    /// The other writers of the bucket.
    pub(super) others: Others,
    /// When the last write was planned, if it found too little: epoch ms.
    pub(super) found_at: Option<i64>,
    /// How often in a row a write of what leases take was refused.
    pub(super) takes_refused: u32,
    /// The most that one request has asked of each limit: millitokens.
    pub(super) most_asked: SmallVec<[(LimitName, i64); 2]>,
    pub(super) ahead_of: Option<Box<Pool>>,
    pub(super) pace: Pace,
    /// The store has just shown the bucket because somebody asks for it.
    pub(super) shown: bool,
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
    pub(super) known_at: i64,
    /// `true` if the limits are the entity's own; `None` if nobody knows.
    pub(super) own: Option<bool>,
    /// The entity's parent, where it is known to have one.
    pub(super) lineage: Option<Arc<Lineage>>,
    pub(super) amounts: Amounts,
    /// Of a request that waits until what the bucket owes is refilled.
    pub(super) patience: Option<Box<Patience>>,
    /// Until when somebody waits, if anybody does.
    pub(super) until: Option<Instant>,
    /// How often a write of it was refused because others had written.
    pub(super) races: u32,
    pub(super) reply: oneshot::Sender<Verdict>,
}

impl Waiter {
    /// It waits until `until`, or for ever.
    pub(super) fn new(
        limits: &Limits,
        mode: &Mode,
        amounts: Amounts,
        until: Option<Instant>,
        reply: oneshot::Sender<Verdict>,
    ) -> Self {
        let (limits, lineage, patience) = (limits.clone(), mode.lineage.clone(), mode.patience.clone());
        let (known_at, own) = (mode.known_at, Some(mode.own));
        Self { limits, known_at, own, lineage, amounts, patience, until, races: 0, reply }
    }

    pub(super) fn wish(&self) -> Wish<'_> {
        let debts = self.patience.as_deref().map(|patience| &patience.debts[..]);
        Wish { limits: &self.limits, amounts: &self.amounts, debts }
    }
}

/// The tokens that a request asks of a bucket: `amounts`, in the order of `limits`. Millitokens.
#[derive(Clone, Copy, Debug)]
pub(in crate::limiter) struct Wish<'a> {
    pub(in crate::limiter) limits: &'a Limits,
    pub(in crate::limiter) amounts: &'a [i64],
    /// The most that the bucket may owe of each then. Of a bucket that has several shards, all of them together.
    pub(in crate::limiter) debts: Option<&'a [i64]>,
}

impl<'a> Wish<'a> {
    pub(in crate::limiter) fn new(limits: &'a Limits, mode: &'a Mode, amounts: &'a [i64]) -> Self {
        Self { limits, amounts, debts: mode.patience.as_deref().map(|patience| &patience.debts[..]) }
    }

    /// Returns what one of `shards` may owe of the limit at `index`.
    pub(super) fn debt(&self, index: usize, shards: u32) -> i64 {
        self.debts.and_then(|debts| debts.get(index)).map_or(0, |debt| debt / i64::from(shards.max(1)))
    }
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

    /// Since when the limits that requests come with may be too old, if they are: epoch ms.
    pub(super) fn take_doubt(&mut self) -> Option<i64> {
        std::mem::take(&mut self.doubtful).then_some(self.changed_at)
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
    pub(super) fn refusal(&self, now: i64) -> Option<Refusal> {
        Refusal::of(self.seen.live(now)?)
    }

    /// Where the limits stand, if the request is known not to fit.
    pub(super) fn deny_from_memory(&self, wish: Wish<'_>, now: i64, trusted_for: Duration) -> Option<Vec<LimitStatus>> {
        if !self.is_fresh(now, trusted_for) {
            return None;
        }
        self.denial(wish, &self.pending, now)
    }

    pub(super) fn is_fresh(&self, now: i64, trusted_for: Duration) -> bool {
        let age = now.saturating_sub(self.seen_at);
        (0..i64::try_from(trusted_for.as_millis()).unwrap_or(i64::MAX)).contains(&age)
    }

    /// Where the limits stand, if the bucket as it was seen has them and one of them is short.
    pub(super) fn denial(&self, wish: Wish<'_>, changes: &Changes, now: i64) -> Option<Vec<LimitStatus>> {
        let state = self.seen.live(now)?;
        if self.ahead || plan::differs(state, wish.limits) || fits(Some(state), wish, changes, now) {
            return None;
        }
        Some(plan::statuses(Some(state), wish.limits, wish.amounts, changes, now))
    }
}
