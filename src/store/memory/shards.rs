//! Buckets of several shards: transactions on several shards, and splits.

use std::sync::Arc;

use super::{
    MemoryStore,
    context::BucketOwner,
    entry::Entry,
    state::CompactState,
    store::{corrupt, full},
};
use crate::{
    model::{BucketKey, BucketState, Limits, Split, Update},
    store::{StoreError, StoreErrorKind},
};

impl MemoryStore {
    pub(super) fn try_transact(&self, updates: &[(BucketKey, Update)]) -> Result<bool, StoreError> {
        let mut ordered: Vec<_> = updates.iter().collect();
        // Every transaction locks in the same order, so that there is no deadlock.
        ordered.sort_by_key(|(key, _)| (&key.entity, &key.resource, key.shard));
        let entries: Option<Vec<Arc<Entry>>> = ordered
            .iter()
            .map(|(key, _)| self.buckets.find(key.parts().into()))
            .collect();
        let Some(entries) = entries else {
            return Ok(false);
        };
        let mut slots: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let mut states = Vec::with_capacity(slots.len());
        for (slot, (_, update)) in slots.iter().zip(&ordered) {
            let Some(mut state) = slot.bucket.as_ref().map(CompactState::to_bucket) else {
                return Ok(false);
            };
            if !update.holds(&state) {
                return Ok(false);
            }
            update.apply(&mut state).map_err(corrupt)?;
            states.push(state);
        }
        for ((slot, state), entry) in slots.iter_mut().zip(states).zip(&entries) {
            slot.bucket = Some(CompactState::from_bucket(
                state,
                self.buckets.schemas(entry.key()),
            ));
        }
        drop(slots);
        entries
            .iter()
            .for_each(|entry| self.buckets.hurry(entry.key()));
        Ok(true)
    }

    pub(super) fn try_split(&self, bucket: &BucketKey, split: &Split) -> Result<bool, StoreError> {
        let Some(doubled) = split.doubled() else {
            let message = format!("a bucket has at most {} shards", Split::MOST_SHARDS);
            return Err(StoreError::new(StoreErrorKind::Rejected, message));
        };
        let shards = 0..doubled;
        let claim = |shard| {
            self.buckets.claim(
                &BucketKey {
                    shard,
                    ..bucket.clone()
                },
                &self.home,
                Limits::unknown(),
                split.now,
            )
        };
        let entries: Option<Vec<Arc<Entry>>> = shards.map(claim).collect();
        let entries = entries.ok_or_else(full)?;
        let mut slots: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let (known, new) = slots.split_at_mut(split.shard_count as usize);
        let mut halves = Vec::with_capacity(known.len());
        for (slot, new) in known.iter().zip(new.iter()) {
            let state = slot
                .bucket
                .as_ref()
                .map(CompactState::to_bucket)
                .filter(|state| split.holds(state));
            let taken = new
                .bucket
                .as_ref()
                .is_some_and(|state| !state.to_bucket().is_expired(split.now));
            match state {
                Some(state) if !taken => halves.push(split.halve(&state).map_err(corrupt)?),
                _ => return Ok(false),
            }
        }
        let keep = |slot: &mut super::entry::LockedEntry, state: BucketState, entry: &Entry| {
            slot.bucket = Some(CompactState::from_bucket(
                state,
                self.buckets.schemas(entry.key()),
            ));
        };
        for (shard, (half, other)) in halves.into_iter().enumerate() {
            keep(&mut known[shard], half, &entries[shard]);
            keep(
                &mut new[shard],
                other,
                &entries[shard + split.shard_count as usize],
            );
        }
        Ok(true)
    }
}
