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
use crate::model::{BucketState, Level, LimitState, MILLI};

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

#[derive(Debug)]
struct Rest {
    seen: Known,
    seen_at: i64,
    changed_at: i64,
    refilled_at: i64,
    /// The end of time where it has none.
    expires_at: i64,
    /// What writes have left of the item's own limit.
    pressure: Level,
    limits: SmallVec<[Kept; 1]>,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            seen: Known::Unknown,
            // As `GateState` has it.
            seen_at: 0,
            changed_at: 0,
            refilled_at: 0,
            expires_at: i64::MAX,
            pressure: Level::default(),
            limits: SmallVec::new(),
        }
    }
}

/// What is known of the bucket.
#[derive(Debug)]
enum Known {
    Unknown,
    Absent,
    Present(Kind),
}

/// What is kept of one limit.
#[derive(Clone, Copy, Debug)]
struct Kept {
    level: Level,
    /// The most that one request has asked of it: whole tokens, rounded up.
    most_asked: u32,
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
        let mut state = GateState::default();
        state.seen_at = self.seen_at;
        state.changed_at = self.changed_at;
        state.seen = match &self.seen {
            Known::Unknown => Seen::Unknown,
            Known::Absent => Seen::Absent,
            Known::Present(kind) => {
                let mut bucket = BucketState::clone(kind);
                bucket.refilled_at = self.refilled_at;
                bucket.expires_at = (self.expires_at != i64::MAX).then_some(self.expires_at);
                if let Some((_, level)) = &mut bucket.pressure {
                    *level = self.pressure;
                }
                for (limit, kept) in bucket.limits.iter_mut().zip(&self.limits) {
                    limit.level = kept.level;
                    if kept.most_asked > 0 {
                        let most = i64::from(kept.most_asked).saturating_mul(MILLI);
                        state.most_asked.push((limit.name.clone(), most));
                    }
                }
                Seen::Present(bucket)
            }
        };
        state
    }

    /// `before` is what it was the last time: mostly of the same kind.
    fn of(mut state: GateState, before: Self, kinds: &Kinds) -> Self {
        let rest = Self { seen_at: state.seen_at, changed_at: state.changed_at, ..Self::default() };
        let mut bucket = match std::mem::take(&mut state.seen) {
            Seen::Unknown => return rest,
            Seen::Absent => return Self { seen: Known::Absent, ..rest },
            Seen::Present(bucket) => bucket,
        };
        let limits = bucket.limits.iter_mut().map(|limit| {
            limit.consumed = 0;
            let most = state.most_asked(&limit.name).max(0).unsigned_abs().div_ceil(MILLI.unsigned_abs());
            Kept { level: std::mem::take(&mut limit.level), most_asked: u32::try_from(most).unwrap_or(u32::MAX) }
        });
        let mut limits: SmallVec<[Kept; 1]> = limits.collect();
        limits.shrink_to_fit();
        bucket.last_write = None;
        let pressure = bucket.pressure.as_mut().map(|(_, level)| std::mem::take(level));
        let refilled_at = std::mem::take(&mut bucket.refilled_at);
        let expires_at = bucket.expires_at.take();
        let kind = match before.seen {
            Known::Present(kind) if *kind == bucket => kind,
            _ => kinds.shared(bucket),
        };
        Self {
            seen: Known::Present(kind),
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
        let plain = self.ahead_of.is_none() && !self.pace.is_pressed() && !self.is_ahead();
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
