//! Splits a bucket into more shards if it is written more often than one item can be.

use std::sync::Arc;

use super::{Gate, state::GateState};
use crate::{
    model::{LimitName, LimitState, MILLI, Split},
    telemetry::{self, StoreCall},
};

/// The pause before the next try to split a bucket, ms.
pub(super) const PAUSE: i64 = 1000;

/// How long an item must be written as often as it can be, without a pause, before its bucket is split, ms. Until then,
/// pacing may still lower the rate. Shards stay for ever, and each shard costs writes of its own.
const SUSTAINED: i64 = 1000;

/// How long an item counts as written that often after the last time, ms.
const SUBSIDED: i64 = 15_000;

/// The number of writes a second that counts as the most that an item takes. DynamoDB takes 1000.
const HOT: i64 = 900;

/// The write pressure on a bucket's item.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pressed {
    /// The first and the last time at which the store throttled the item, in the present period of pressure; epoch ms.
    since: i64,
    last: i64,
    /// The time since which every count of writes was hot, epoch ms; 0 if the last count was not.
    hot_since: i64,
    /// When the writes of the item were last counted, and their total number then, in thousandths.
    counted_at: i64,
    count: i64,
}

impl Pressed {
    /// Returns `true` if the item was under pressure a short time ago.
    pub(super) fn is_recent(self, now: i64) -> bool {
        let last = if self.hot_since == 0 { self.last } else { self.last.max(self.counted_at) };
        now.saturating_sub(last) <= SUBSIDED
    }

    /// Notes the total number of writes of the item, in thousandths. Returns `true` if the item has been written as
    /// often as it can be for [`SUSTAINED`].
    fn counts(&mut self, count: i64, now: i64) -> bool {
        let passed = now.saturating_sub(self.counted_at);
        if (0..COUNTED_OVER).contains(&passed) {
            return false;
        }
        let writes = count.saturating_sub(self.count);
        let known = std::mem::replace(&mut self.counted_at, now) != 0;
        self.count = count;
        if !known || writes < HOT.saturating_mul(passed) {
            self.hot_since = 0;
            return false;
        }
        if self.hot_since == 0 {
            self.hot_since = now;
        }
        now.saturating_sub(self.hot_since) >= SUSTAINED
    }

    /// Notes that the store throttles the item. Returns `true` if it has done so for [`SUSTAINED`].
    fn is_throttled(&mut self, now: i64) -> bool {
        if now.saturating_sub(self.last) > SUBSIDED {
            self.since = now;
        }
        self.last = now;
        now.saturating_sub(self.since) >= SUSTAINED
    }
}

/// The shortest time over which writes are counted, ms.
const COUNTED_OVER: i64 = 500;

/// Doubles the shards of the gate's bucket, if the item is written as often as it can be and every shard would still
/// hold the largest amounts that requests ask for at once. `throttled` is `true` if the store has throttled the hot
/// key.
pub(super) async fn grow(gate: &Arc<Gate>, throttled: bool) {
    let context = &gate.context;
    let now = context.clock.now();
    let Some(count) = gate.lock().shards_to_split(now, throttled, context.settings.max_shards) else { return };
    // The amounts that are asked of the whole bucket are noted in the gate of its first shard.
    let Some(asked) = gate.first().map(|first| first.peek(now, |state| state.most_asked.clone())) else { return };
    let split = {
        let mut state = gate.lock();
        if !state.holds_in_parts(now, &asked, count.saturating_mul(2)) {
            return;
        }
        state.split_at = now;
        Split { id: context.write_ids.next(), now, shard_count: count }
    };
    let _place = gate.place().await;
    match gate.call(StoreCall::Split, context.store.split(&gate.key, &split)).await {
        Ok(true) => {
            telemetry::bucket_split(&gate.key, split.shard_count * 2);
            gate.learn_shards(split.shard_count * 2);
        }
        // Somebody else has changed or split the bucket meanwhile.
        Ok(false) => {}
        Err(error) => telemetry::store_call_failed(&gate.key, &error),
    }
}

impl GateState {
    /// Returns the number of shards of the bucket, if it should have twice as many.
    fn shards_to_split(&mut self, now: i64, throttled: bool, most: u32) -> Option<u32> {
        let writes = self.seen.live(now)?.pressure.map(|pressure| pressure.consumed);
        let hot = writes.is_some_and(|writes| self.pressed.counts(writes, now));
        let pressed = hot || (throttled && self.pressed.is_throttled(now));
        let state = self.seen.live(now)?;
        let count = state.shard_count;
        let due = pressed && now.saturating_sub(self.split_at) >= PAUSE;
        // A schedule of a Python client would have to be divided too, and this crate does not understand it.
        let understood = state.stamps.as_ref().is_none_or(|stamps| stamps.not_understood.is_none());
        let may_double = count.checked_mul(2).is_some_and(|doubled| doubled <= most.min(Split::MOST_SHARDS));
        (due && understood && may_double).then_some(count)
    }

    /// Returns `true` if each of `parts` equal parts would still hold the amounts that are `asked` of the limits at
    /// once.
    fn holds_in_parts(&self, now: i64, asked: &[(LimitName, i64)], parts: u32) -> bool {
        let enough = |limit: &LimitState| {
            let asked = asked.iter().find(|(name, _)| *name == limit.name).map_or(0, |(_, most)| *most);
            limit.parameters.capacity() / i64::from(parts) >= asked.max(MILLI)
        };
        self.seen.live(now).is_some_and(|state| state.limits.iter().all(enough))
    }
}
