//! Splits a bucket into more shards if it is written more often than one item can be.

use std::sync::Arc;

use crate::{
    limiter::gate::{gate::Gate, pressure::PAUSE, state::GateState},
    model::{LimitName, LimitState, MILLI, Split},
    telemetry::{self, StoreCall},
};

/// The number of throttled writes in a row after which the bucket of a hot key is split.
pub(super) const SPLIT_AFTER: u32 = 3;

/// Doubles the shards of the gate's bucket, if the item is written as often as it can be and every
/// shard would still hold the largest amounts that requests ask for at once. `throttled` is `true`
/// if the store has throttled the hot key.
pub(super) async fn grow(gate: &Arc<Gate>, throttled: bool) {
    let context = &gate.context;
    let now = context.clock.now();
    let Some(count) = gate
        .lock()
        .shards_to_split(now, throttled, context.settings.max_shards)
    else {
        return;
    };
    // The amounts that are asked of the whole bucket are noted in the gate of its first shard.
    let Some(asked) = gate
        .first()
        .map(|first| first.peek(now, |state| state.most_asked.clone()))
    else {
        return;
    };
    let split = {
        let mut state = gate.lock();
        if !state.holds_in_parts(now, &asked, count.saturating_mul(2)) {
            return;
        }
        state.split_at = now;
        Split {
            id: context.write_ids.next(),
            now,
            shard_count: count,
        }
    };
    let _permit = gate.permit().await;
    match gate
        .call(StoreCall::Split, context.store.split(&gate.key, &split))
        .await
    {
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
    /// Returns the number of shards of the bucket, if that number should be doubled.
    fn shards_to_split(&mut self, now: i64, throttled: bool, most: u32) -> Option<u32> {
        let writes = self
            .seen
            .live(now)?
            .pressure
            .map(|pressure| pressure.consumed);
        let hot = writes.is_some_and(|writes| self.pressed.counts(writes, now));
        let pressed = hot || (throttled && self.pressed.is_throttled(now));
        let state = self.seen.live(now)?;
        let count = state.shard_count;
        let due = pressed && now.saturating_sub(self.split_at) >= PAUSE;
        // An attribute that is not understood would have to be divided too.
        let understood = state
            .stamps
            .as_ref()
            .is_none_or(|stamps| stamps.not_understood.is_none());
        let may_double = count
            .checked_mul(2)
            .is_some_and(|doubled| doubled <= most.min(Split::MOST_SHARDS));
        (due && understood && may_double).then_some(count)
    }

    /// Returns `true` if each of `parts` equal parts would still hold the amounts that are `asked`
    /// of the limits at once.
    fn holds_in_parts(&self, now: i64, asked: &[(LimitName, i64)], parts: u32) -> bool {
        let enough = |limit: &LimitState| {
            let asked = asked
                .iter()
                .find(|(name, _)| *name == limit.name)
                .map_or(0, |(_, most)| *most);
            limit.parameters.capacity() / i64::from(parts) >= asked.max(MILLI)
        };
        self.seen
            .live(now)
            .is_some_and(|state| state.limits.iter().all(enough))
    }
}
