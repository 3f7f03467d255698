//! Buckets of several shards: transactions on several shards, and splits.

use std::sync::Arc;

use super::{
    MemoryStore,
    entry::Entry,
    state::State,
    store::{apply, corrupt, full, holds},
};
use crate::{
    model::{BucketKey, BucketState, InvalidParameters, LimitState, Limits, Split, Update},
    store::{StoreError, StoreErrorKind},
};

impl MemoryStore {
    pub(super) fn try_transact(&self, updates: &[(BucketKey, Update)]) -> Result<bool, StoreError> {
        let mut ordered: Vec<_> = updates.iter().collect();
        // Every transaction locks in the same order, so that there is no deadlock.
        ordered.sort_by_key(|(key, _)| (&key.entity, &key.resource, key.shard));
        let entries: Option<Vec<Arc<Entry>>> =
            ordered.iter().map(|(key, _)| self.buckets.find(key.parts().into())).collect();
        let Some(entries) = entries else { return Ok(false) };
        let mut slots: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let mut states = Vec::with_capacity(slots.len());
        for (slot, (_, update)) in slots.iter().zip(&ordered) {
            let Some(mut state) = slot.bucket.as_ref().map(State::to_bucket) else { return Ok(false) };
            if !holds(&state, update) {
                return Ok(false);
            }
            apply(&mut state, update)?;
            states.push(state);
        }
        for ((slot, state), entry) in slots.iter_mut().zip(states).zip(&entries) {
            slot.bucket = Some(State::from_bucket(state, self.buckets.recent(entry)));
        }
        drop(slots);
        entries.iter().for_each(|entry| self.buckets.hurry(entry));
        Ok(true)
    }

    pub(super) fn try_split(&self, bucket: &BucketKey, split: &Split) -> Result<bool, StoreError> {
        let Some(doubled) = split.doubled() else {
            let message = format!("a bucket has at most {} shards", Split::MOST_SHARDS);
            return Err(StoreError::new(StoreErrorKind::Rejected, message));
        };
        let shards = 0..doubled;
        let claim = |shard| {
            self.buckets.claim(&BucketKey { shard, ..bucket.clone() }, &self.home, Limits::unknown(), split.now)
        };
        let entries: Option<Vec<Arc<Entry>>> = shards.map(claim).collect();
        let entries = entries.ok_or_else(full)?;
        let mut slots: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let (known, new) = slots.split_at_mut(split.shard_count as usize);
        let mut halves = Vec::with_capacity(known.len());
        for (slot, new) in known.iter().zip(new.iter()) {
            let live = |state: &BucketState| !state.is_expired(split.now);
            let state = slot.bucket.as_ref().map(State::to_bucket).filter(live);
            let taken = new.bucket.as_ref().map(State::to_bucket).is_some_and(|state| live(&state));
            match state {
                Some(state) if state.shard_count == split.shard_count && !taken => {
                    halves.push(halve(state, split).map_err(corrupt)?);
                }
                _ => return Ok(false),
            }
        }
        let keep = |slot: &mut super::entry::Slot, state: BucketState, entry: &Entry| {
            slot.bucket = Some(State::from_bucket(state, self.buckets.recent(entry)));
        };
        for (shard, (half, other)) in halves.into_iter().enumerate() {
            keep(&mut known[shard], half, &entries[shard]);
            keep(&mut new[shard], other, &entries[shard + split.shard_count as usize]);
        }
        Ok(true)
    }
}

/// Returns what the shard keeps and what the new shard gets. The new shard gets the smaller half of the tokens. Both
/// keep the refill time and the remainder.
fn halve(state: BucketState, split: &Split) -> Result<(BucketState, BucketState), InvalidParameters> {
    let count = split.shard_count * 2;
    let share = |shard: u32, tokens: fn(i64) -> i64, counts: bool| -> Result<BucketState, InvalidParameters> {
        let limit = |limit: &LimitState| {
            let mut level = limit.level;
            level.tokens = tokens(level.tokens);
            let consumed = if counts { limit.consumed } else { 0 };
            LimitState::new(limit.name.clone(), limit.parameters, (shard, count), level, consumed)
        };
        let limits = state.limits.iter().map(limit).collect::<Result<_, _>>()?;
        Ok(BucketState { shard, shard_count: count, limits, last_write: Some(split.id.clone()), ..state.clone() })
    };
    let mut kept = share(state.shard, |tokens| tokens - tokens.div_euclid(2), true)?;
    let mut new = share(state.shard + split.shard_count, |tokens| tokens.div_euclid(2), false)?;
    if kept.shard == 0 {
        kept.expires_at = None;
    }
    if let Some(pressure) = &mut new.pressure {
        pressure.level.tokens = pressure.rate.capacity();
        pressure.consumed = 0;
    }
    Ok((kept, new))
}
