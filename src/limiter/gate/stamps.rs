//! Renews, sets and removes the stamps of bypassed buckets and of soft limits, as the stored
//! configs say.
//!
//! Python clients spend by the stamps alone, and a stamp counts only until its end. So the first
//! acquire after the end reads the configs with strong consistency, and writes the stamps before it
//! is decided. The same happens if a request knows of a flag that the bucket has no stamp for, and
//! before a bucket is created by configs that were looked up a while ago. In steady state none of
//! this happens.

use std::sync::Arc;

use crate::{
    limiter::{
        gate::{
            gate::Gate,
            stamp_check::{FreshFlags, StampCheck, misses_a_stamp},
            state::{GateState, Seen},
        },
        terms::{BucketDecision, BucketRefusal, KnownFlags},
    },
    model::{BucketStamps, DisabledLevel, MILLI, TokenChange, Update, WriteId},
};

/// The age above which a look-up does not count for the creation of a bucket: ms. A bucket that is
/// created without stamps, although a config has a flag, would keep Python clients from seeing it.
const OLD: i64 = 1000;

/// The time for which the configs are not read again for the same bucket: ms. If they cannot be
/// read, or do not have the flag that a cached look-up has, the bucket is used as it is meanwhile.
const PAUSE: i64 = 1000;

/// The age above which configs that were read set no stamp: ms. The requests that needed them have
/// given up.
const READ_LONG_AGO: i64 = 5000;

/// The next step for the stamps of a bucket.
pub(super) enum StampStep {
    /// The configs must be read.
    Read,
    /// The stamps must be written.
    Write(Box<Update>),
    /// The configs disable the resource, so the bucket must not be created.
    Refuse(DisabledLevel),
}

impl GateState {
    /// Returns the next step for the stamps, if the requests that wait need one. `id` is called for
    /// the id of a write.
    pub(super) fn stamp_step(
        &mut self,
        now: i64,
        id: impl FnOnce() -> WriteId,
    ) -> Option<StampStep> {
        if self.queue.is_empty() {
            return None;
        }
        let check = self.stamp_check.as_deref_mut();
        let fresh = check.and_then(|check| check.fresh.take());
        let is_recent = |fresh: &FreshFlags| now.saturating_sub(fresh.read_at) <= READ_LONG_AGO;
        if let Some(fresh) = fresh.filter(is_recent) {
            return self.write_stamps(fresh, now, id);
        }
        let due = match self.seen.live(now) {
            Some(state) => self.queue.iter().any(|waiter| {
                state
                    .stamps
                    .as_deref()
                    .is_some_and(|stamps| stamps.has_ended(now))
                    || misses_a_stamp(state, waiter.flags, &waiter.limits, now)
            }),
            None => self
                .queue
                .front()
                .is_some_and(|waiter| self.is_old(waiter.flags, now)),
        };
        (due && self.may_check(now)).then_some(StampStep::Read)
    }

    fn write_stamps(
        &mut self,
        fresh: FreshFlags,
        now: i64,
        id: impl FnOnce() -> WriteId,
    ) -> Option<StampStep> {
        for waiter in &mut self.queue {
            waiter.flags = KnownFlags {
                bypassed: fresh.bypassed,
                soft: waiter.flags.soft && !fresh.soft.is_empty(),
                looked_at: fresh.read_at,
            };
        }
        let Some(state) = self.seen.live(now) else {
            if let Some(level) = fresh.disabled {
                return Some(StampStep::Refuse(level));
            }
            // The create writes them.
            self.stamp_check.get_or_insert_default().fresh = Some(fresh);
            return None;
        };
        let mut update = Update::new(id(), now).with_stamp_change(fresh.change(state, now)?);
        update.pressure = state.pressure.map(|_| TokenChange::Add(-MILLI));
        Some(StampStep::Write(Box::new(update)))
    }

    /// Returns `true` if a bucket must not be created by such an old look-up, or needs stamps. If
    /// nobody knows if the bucket exists, the age does not matter: most often it exists.
    fn is_old(&self, flags: KnownFlags, now: i64) -> bool {
        let gone = !matches!(self.seen, Seen::Unknown);
        let is_old = flags.looked_at > 0 && now.saturating_sub(flags.looked_at) > OLD;
        flags.bypassed || flags.soft || (gone && is_old)
    }

    /// Returns `true` if the configs may be read again.
    fn may_check(&self, now: i64) -> bool {
        let since = |check: &StampCheck| now.saturating_sub(check.checked_at);
        self.stamp_check
            .as_deref()
            .is_none_or(|check| !(0..PAUSE).contains(&since(check)))
    }

    /// Returns `true` if the stamps must be written before a request can be denied by the last
    /// image.
    pub(super) fn awaits_stamps(&self, bypassed: bool, now: i64) -> bool {
        let Some(state) = self.seen.live(now) else {
            return false;
        };
        let has_ended = |stamps: &BucketStamps| stamps.has_ended(now);
        let due =
            state.stamps.as_deref().is_some_and(has_ended) || (bypassed && !state.is_bypassed(now));
        due && self.may_check(now)
    }

    /// Returns the flags that a new bucket gets.
    pub(super) fn take_fresh_flags(&mut self) -> Option<FreshFlags> {
        self.stamp_check.as_deref_mut()?.fresh.take()
    }

    /// Returns `true` if a new bucket is bypassed.
    pub(super) fn creates_bypassed(&self) -> bool {
        let check = self.stamp_check.as_deref();
        let fresh = check.and_then(|check| check.fresh.as_ref());
        fresh.is_some_and(|fresh| fresh.bypassed)
    }
}

/// Reads the configs that apply to the gate's bucket. Holds no permit.
pub(super) async fn read_flags(gate: &Gate) {
    let context = &gate.context;
    let read_at = context.clock.now();
    let found = context.resolver.read(&gate.key).await;
    let end = context.settings.stamp_ttl.end(read_at);
    let mut state = gate.lock();
    let check = state.stamp_check.get_or_insert_default();
    check.checked_at = context.clock.now();
    check.fresh = found.map(|found| FreshFlags::new(&found, end, read_at));
}

/// Refuses all requests that wait, because the resource is disabled.
pub(super) fn refuse_all(gate: &Arc<Gate>, level: DisabledLevel) {
    let queue = std::mem::take(&mut gate.lock().queue);
    for waiter in queue {
        waiter.answer(BucketDecision::Refused(BucketRefusal::Disabled(level)));
    }
}
