//! What a gate keeps while nobody asks: so little that there can be millions of them.
//!
//! Awake, a gate has all of [`GateState`]. At rest it has the numbers of its bucket, and shares what those
//! buckets have in common: names, parameters, the parent. A lock wakes it, the end of a flight lets it
//! rest again.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;

use super::{
    growth,
    state::{GateState, Seen},
};
use crate::model::{BucketState, Level, LimitState};

/// What buckets have in common: one of them, without its numbers.
type Kind = Arc<BucketState>;

/// How many kinds are kept to be shared.
const KINDS: usize = 16;

/// The kinds that gates came to rest with last.
#[derive(Debug, Default)]
pub(in crate::limiter) struct Kinds(Mutex<Vec<Kind>>);

impl Kinds {
    fn shared(&self, like: BucketState) -> Kind {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kind) = kinds.iter().find(|kind| ***kind == like) {
            return kind.clone();
        }
        if kinds.len() == KINDS {
            kinds.remove(0);
        }
        let kind = Arc::new(like);
        kinds.push(kind.clone());
        kind
    }
}

/// A gate's state, awake or not.
#[derive(Debug, Default)]
pub(super) struct Slot {
    rest: Rest,
    awake: Option<Box<GateState>>,
}

/// What is kept.
#[derive(Debug, Default)]
struct Rest {
    /// `None` where the bucket was never seen, or there was none.
    kind: Option<Kind>,
    /// Whether there was none.
    absent: bool,
    /// The most that one request has asked, as a [`part`] of a limit's capacity: of whichever it is the
    /// greatest part.
    most_asked: u32,
    seen_at: i64,
    changed_at: i64,
    refilled_at: i64,
    /// The end of time where it has none.
    expires_at: i64,
    /// Of the item's own limit.
    pressure: Level,
    limits: SmallVec<[Level; 1]>,
}

/// The whole of a capacity. A power of two, as shard counts are: nothing is lost where a capacity is
/// exactly so many times what is asked.
const WHOLE: i64 = 1 << 31;

/// The part of `capacity` that `amount` is, rounded up.
fn part(amount: i64, capacity: i64) -> u32 {
    let (amount, capacity) = (i128::from(amount.max(0)), i128::from(capacity.max(1)));
    let part = (amount * i128::from(WHOLE) + capacity - 1) / capacity;
    u32::try_from(part.min(i128::from(WHOLE))).unwrap_or(u32::MAX)
}

/// That part of `capacity`, rounded up.
fn amount(part: u32, capacity: i64) -> i64 {
    let amount = (i128::from(part) * i128::from(capacity.max(0)) + i128::from(WHOLE) - 1) / i128::from(WHOLE);
    i64::try_from(amount).unwrap_or(i64::MAX)
}

impl Slot {
    /// Whether nothing is under way: at rest, nothing is.
    pub(super) fn is_idle(&self) -> bool {
        self.awake.as_ref().is_none_or(|state| state.is_idle())
    }

    fn wake(&mut self) -> &mut GateState {
        let Self { rest, awake } = self;
        awake.get_or_insert_with(|| Box::new(rest.wake()))
    }

    /// Lets it rest, if nothing is known or under way that a gate at rest does not keep.
    fn settle(&mut self, kinds: &Kinds, now: i64) {
        let Some(state) = self.awake.take_if(|state| state.may_rest(now)) else { return };
        self.rest = Rest::of(*state, std::mem::take(&mut self.rest), kinds);
    }
}

impl Rest {
    fn wake(&self) -> GateState {
        let (seen_at, changed_at) = (self.seen_at, self.changed_at);
        let mut state = GateState { seen_at, changed_at, ..GateState::default() };
        let Some(kind) = &self.kind else {
            state.seen = if self.absent { Seen::Absent } else { Seen::Unknown };
            return state;
        };
        let mut bucket = BucketState::clone(kind);
        bucket.refilled_at = self.refilled_at;
        bucket.expires_at = (self.expires_at != i64::MAX).then_some(self.expires_at);
        if let Some((_, level)) = &mut bucket.pressure {
            *level = self.pressure;
        }
        for (limit, level) in bucket.limits.iter_mut().zip(&self.limits) {
            limit.level = *level;
            if self.most_asked > 0 {
                state.most_asked.push((limit.name.clone(), amount(self.most_asked, limit.parameters.capacity())));
            }
        }
        state.seen = Seen::Present(bucket);
        state
    }

    /// `before` is what it was the last time: mostly of the same kind.
    fn of(mut state: GateState, before: Self, kinds: &Kinds) -> Self {
        let rest = Self { seen_at: state.seen_at, changed_at: state.changed_at, ..Self::default() };
        let mut bucket = match std::mem::take(&mut state.seen) {
            Seen::Unknown => return rest,
            Seen::Absent => return Self { absent: true, ..rest },
            Seen::Present(bucket) => bucket,
        };
        let most_asked =
            bucket.limits.iter().map(|limit| part(state.most_asked(&limit.name), limit.parameters.capacity()));
        let most_asked = most_asked.max().unwrap_or(0);
        let levels = bucket.limits.iter_mut().map(|limit| {
            limit.consumed = 0;
            std::mem::take(&mut limit.level)
        });
        let mut limits: SmallVec<[Level; 1]> = levels.collect();
        limits.shrink_to_fit();
        bucket.last_write = None;
        let pressure = bucket.pressure.as_mut().map(|(_, level)| std::mem::take(level));
        let refilled_at = std::mem::take(&mut bucket.refilled_at);
        let expires_at = bucket.expires_at.take();
        let kind = match before.kind {
            Some(kind) if *kind == bucket => kind,
            _ => kinds.shared(bucket),
        };
        Self {
            kind: Some(kind),
            most_asked,
            refilled_at,
            expires_at: expires_at.unwrap_or(i64::MAX),
            pressure: pressure.unwrap_or_default(),
            limits,
            ..rest
        }
    }
}

impl GateState {
    /// Whether nothing is under way.
    fn is_idle(&self) -> bool {
        let empty = self.ahead_of.as_ref().is_none_or(|ahead| ahead.is_empty());
        empty && !self.flying && self.queue.is_empty() && self.pending.is_empty()
    }

    fn may_rest(&self, now: i64) -> bool {
        let quiet = self.confirmations.is_empty() && !self.flush_due && !self.doubtful && self.failures == 0;
        let plain =
            self.ahead_of.is_none() && !self.pace.is_pressed() && !self.pressed.is_recent(now) && !self.is_ahead();
        quiet && plain && self.is_idle() && now.saturating_sub(self.split_at) >= growth::PAUSE
    }
}

/// A gate's state under lock. Awake.
pub(super) struct Locked<'a>(MutexGuard<'a, Slot>);

impl<'a> Locked<'a> {
    pub(super) fn new(mut slot: MutexGuard<'a, Slot>) -> Self {
        slot.wake();
        Self(slot)
    }

    /// Lets it rest, if it can. Whoever changes it later wakes it.
    pub(super) fn settle(&mut self, kinds: &Kinds, now: i64) {
        self.0.settle(kinds, now);
    }
}

/// Looks at a gate's state, and leaves it as awake as it was.
pub(super) fn peek<T>(
    mut slot: MutexGuard<'_, Slot>,
    kinds: &Kinds,
    now: i64,
    look: impl FnOnce(&GateState) -> T,
) -> T {
    let asleep = slot.awake.is_none();
    let seen = look(slot.wake());
    if asleep {
        slot.settle(kinds, now);
    }
    seen
}

impl Deref for Locked<'_> {
    type Target = GateState;

    fn deref(&self) -> &GateState {
        /// What nothing is known of. Only for a gate that has come to rest under this lock.
        static NOTHING: LazyLock<GateState> = LazyLock::new(GateState::default);

        self.0.awake.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut GateState {
        self.0.wake()
    }
}

impl BucketState {
    /// Whether somebody has written to the bucket since, by what a gate at rest keeps of it.
    pub(super) fn was_changed(&self, since: &Self) -> bool {
        let numbers = |state: &Self| (state.refilled_at, state.expires_at, state.shard_count, state.pressure);
        let same = |(before, after): (&LimitState, &LimitState)| {
            (&before.name, before.parameters, before.level) == (&after.name, after.parameters, after.level)
        };
        numbers(self) != numbers(since)
            || self.limits.len() != since.limits.len()
            || !self.limits.iter().zip(&since.limits).all(same)
            || self.stamps != since.stamps
    }
}
