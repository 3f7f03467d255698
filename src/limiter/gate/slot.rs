//! Puts a gate that nobody uses to rest, and wakes it again.
//!
//! An awake gate has the whole [`GateState`]. A gate at rest has a [`CompactImage`] instead; gates
//! at rest share what their buckets have in common: names, parameters, the parent. Locking the
//! state wakes a gate, and the end of its write loop puts it to rest again. If nobody holds a gate
//! at rest, the gate itself is dropped and can be made again from its record.

use std::{
    ops::{Deref, DerefMut},
    sync::{LazyLock, MutexGuard},
};

use super::pressure;
use crate::{
    limiter::gate::{compact::CompactImage, interner::Interner, pacing, state::GateState},
    telemetry::LiveGate,
};

/// The time for which a gate stays awake after it has denied a request from memory, ms. Otherwise
/// every request of a flood of denials would wake the gate again.
const DENIES: i64 = 1000;

/// The state of a gate, awake or at rest.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// `None` until the gate comes to rest for the first time.
    pub(super) record: Option<Box<CompactImage>>,
    pub(super) awake: Option<Box<GateState>>,
    /// `true` if somebody has locked the state since [`Gate::try_rest`] was last called.
    pub(super) used: bool,
}

/// The record of a gate that was dropped while it was at rest.
#[derive(Debug)]
pub(crate) struct Resting {
    pub(super) record: Option<Box<CompactImage>>,
    pub(super) counted: LiveGate,
}

impl Slot {
    pub(super) fn resting(record: Option<Box<CompactImage>>) -> Self {
        Self {
            record,
            ..Self::default()
        }
    }

    /// Returns `true` if nothing is under way. This is always so for a gate at rest.
    pub(super) fn is_idle(&self) -> bool {
        self.awake.as_ref().is_none_or(|state| state.is_idle())
    }

    fn wake(&mut self) -> &mut GateState {
        let Self { record, awake, .. } = self;
        awake.get_or_insert_with(|| {
            Box::new(
                record
                    .as_ref()
                    .map_or_else(GateState::default, |record| record.wake()),
            )
        })
    }

    /// Puts the gate to rest if nothing is under way and the record keeps everything that the gate
    /// knows.
    pub(super) fn rest(&mut self, interner: &Interner, now: i64) {
        let Some(state) = self.awake.take_if(|state| state.may_rest(now)) else {
            return;
        };
        self.record = Some(Box::new(CompactImage::of(
            *state,
            self.record.as_deref(),
            interner,
        )));
    }
}

impl GateState {
    /// Returns `true` if nothing is under way.
    fn is_idle(&self) -> bool {
        let empty = self
            .prefetch_pool
            .as_ref()
            .is_none_or(|pool| pool.is_drained() && !pool.filling);
        empty && !self.is_writing && self.queue.is_empty() && self.pending.is_empty()
    }

    fn may_rest(&self, now: i64) -> bool {
        let quiet = self.confirmations.is_empty() && !self.flush_due && self.failures == 0;
        let alone = self.pace.is_over(pacing::now())
            && !self.others.are_there(now)
            && self.takes_refused == 0;
        let plain = self.prefetch_pool.is_none()
            && alone
            && !self.pressed.is_recent(now)
            && !self.refill_in_future;
        let denies = now.saturating_sub(self.denied_at) < DENIES;
        quiet
            && plain
            && !denies
            && self.is_idle()
            && now.saturating_sub(self.split_at) >= pressure::PAUSE
    }
}

/// The locked state of a gate. Locking wakes the gate.
pub(super) struct Locked<'a>(MutexGuard<'a, Slot>);

impl<'a> Locked<'a> {
    pub(super) fn new(mut slot: MutexGuard<'a, Slot>) -> Self {
        slot.wake();
        slot.used = true;
        Self(slot)
    }

    /// Puts the gate to rest if it may rest. A later change through this guard wakes it again.
    pub(super) fn rest(&mut self, interner: &Interner, now: i64) {
        self.0.rest(interner, now);
    }
}

/// Reads the state of a gate. If the gate was at rest, it rests again afterwards.
pub(super) fn peek<T>(
    mut slot: MutexGuard<'_, Slot>,
    interner: &Interner,
    now: i64,
    look: impl FnOnce(&GateState) -> T,
) -> T {
    let asleep = slot.awake.is_none();
    let seen = look(slot.wake());
    if asleep {
        slot.rest(interner, now);
    }
    seen
}

impl Deref for Locked<'_> {
    type Target = GateState;

    fn deref(&self) -> &GateState {
        /// An empty state. This state is read only if the gate has come to rest under this lock.
        static NOTHING: LazyLock<GateState> = LazyLock::new(GateState::default);

        self.0.awake.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut GateState {
        self.0.wake()
    }
}
