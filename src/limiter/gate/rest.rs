//! A gate that rests: what comes of its state while nobody asks.
//!
//! Awake, a gate has all of [`GateState`]. At rest it has a [`Record`], and shares what buckets have in common:
//! names, parameters, the parent. A lock wakes it, the end of a flight lets it rest again. A gate at rest that
//! nobody holds is not even needed itself: its record is enough to make it anew.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, LazyLock, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::{
    Gate, growth,
    record::{Kinds, Record},
    state::GateState,
};
use crate::telemetry::LiveGate;

/// For how long a gate that denies from memory stays awake, ms: a flood of denials is to wake it once, not
/// again and again.
const DENIES: i64 = 1000;

/// A gate's state, awake or not.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// `None` if nothing was ever heard of the bucket.
    record: Option<Box<Record>>,
    awake: Option<Box<GateState>>,
    /// `true` if somebody has used it since that was asked last.
    used: bool,
}

/// What there is instead of a gate while nobody asks.
#[derive(Debug)]
pub(in crate::limiter) struct Resting {
    pub(super) record: Option<Box<Record>>,
    pub(super) counted: LiveGate,
}

impl Slot {
    pub(super) fn resting(record: Option<Box<Record>>) -> Self {
        Self { record, ..Self::default() }
    }

    /// Returns `true` if nothing is under way: at rest, nothing is.
    pub(super) fn is_idle(&self) -> bool {
        self.awake.as_ref().is_none_or(|state| state.is_idle())
    }

    fn wake(&mut self) -> &mut GateState {
        let Self { record, awake, .. } = self;
        awake.get_or_insert_with(|| Box::new(record.as_ref().map_or_else(GateState::default, |record| record.wake())))
    }

    /// Lets it rest, if nothing is known or under way that a gate at rest does not keep.
    fn settle(&mut self, kinds: &Kinds, now: i64) {
        let Some(state) = self.awake.take_if(|state| state.may_rest(now)) else { return };
        self.record = Some(Box::new(Record::of(*state, self.record.as_deref(), kinds)));
    }
}

impl Gate {
    /// Lets it rest unless somebody has used it since this was tried last. Whether it rests, and its record is
    /// all there is of it.
    pub(in crate::limiter) fn try_rest(&self, now: i64) -> bool {
        let mut slot = self.slot();
        if std::mem::take(&mut slot.used) {
            return false;
        }
        slot.settle(&self.context.kinds, now);
        drop(slot);
        self.is_at_rest()
    }

    /// Returns `true` if its record is all there is of it. What it knows of other shards, and what these know of it, is
    /// in no record.
    pub(in crate::limiter) fn is_at_rest(&self) -> bool {
        self.shards.get().is_none() && self.slot().awake.is_none()
    }

    /// What stays of a gate at rest, if nobody else has it.
    pub(in crate::limiter) fn into_resting(mut self: Arc<Self>) -> Result<Resting, Arc<Self>> {
        if !Arc::get_mut(&mut self).is_some_and(|gate| gate.is_at_rest()) {
            return Err(self);
        }
        let Self { state, counted, .. } = Arc::try_unwrap(self)?;
        let Slot { record, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Resting { record, counted })
    }
}

impl GateState {
    /// Returns `true` if nothing is under way.
    fn is_idle(&self) -> bool {
        let empty = self.ahead_of.as_ref().is_none_or(|pool| pool.is_drained() && !pool.filling);
        empty && !self.flying && self.queue.is_empty() && self.pending.is_empty()
    }

    fn may_rest(&self, now: i64) -> bool {
        let quiet = self.confirmations.is_empty() && !self.flush_due && !self.doubtful && self.failures == 0;
        let alone = self.pace.is_over(Instant::now()) && !self.others.are_there(now) && self.takes_refused == 0;
        let plain = self.ahead_of.is_none() && alone && !self.pressed.is_recent(now) && !self.ahead;
        let denies = now.saturating_sub(self.denied_at) < DENIES;
        quiet && plain && !denies && self.is_idle() && now.saturating_sub(self.split_at) >= growth::PAUSE
    }
}

/// A gate's state under lock. Awake.
pub(super) struct Locked<'a>(MutexGuard<'a, Slot>);

impl<'a> Locked<'a> {
    pub(super) fn new(mut slot: MutexGuard<'a, Slot>) -> Self {
        slot.wake();
        slot.used = true;
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
