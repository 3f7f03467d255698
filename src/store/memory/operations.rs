//! Operations on whole buckets in memory.

use std::sync::Arc;

use super::{
    MemoryStore,
    context::BucketOwner,
    entry::Entry,
    state::CompactState,
    store::{corrupt, full},
    tables::Inner,
};
use crate::{
    model::{BucketKey, BucketState, Limits, Operation, OperationRecord, ParentLink, Split},
    store::StoreError,
};

impl MemoryStore {
    pub(super) fn try_read_shards(&self, bucket: &BucketKey) -> Vec<BucketState> {
        let read = |shard| {
            self.try_read(&BucketKey {
                shard,
                ..bucket.clone()
            })
        };
        let known: Vec<BucketState> = (0..2).filter_map(read).collect();
        let count = known.iter().map(|state| state.shard_count).max();
        let others = (2..count.unwrap_or(0).min(Split::MOST_SHARDS)).filter_map(read);
        known.into_iter().chain(others).collect()
    }

    pub(super) fn try_stamp(&self, shard: &BucketKey, link: &ParentLink) -> bool {
        let Some(entry) = self.buckets.find(shard.parts().into()) else {
            return false;
        };
        let mut slot = entry.lock();
        let state = slot.bucket.as_ref().map(CompactState::to_bucket);
        let Some(mut state) = state.filter(|state| state.takes(link)) else {
            return false;
        };
        state.set_lineage(Some(link));
        let schemas = self.buckets.schemas(entry.key());
        slot.bucket = Some(CompactState::from_bucket(state, schemas));
        true
    }

    pub(super) fn try_find_operation(
        &self,
        bucket: &BucketKey,
        key: &str,
    ) -> Option<OperationRecord> {
        let tables = self.tables.read();
        let place = place_of(bucket, key);
        tables
            .operations
            .get(&place)
            .map(|(record, _)| record.clone())
    }

    pub(super) fn try_operate(&self, operation: &Operation) -> Result<bool, StoreError> {
        // The tables stay locked until the buckets are changed, so that the record and the changes
        // appear together.
        let mut tables = self.tables.write();
        let seconds = operation.now.div_euclid(1000);
        tables
            .operations
            .retain(|_, (_, expires_at)| *expires_at > seconds);
        let (record, place) = (
            &operation.record,
            place_of(&operation.bucket, &operation.record.key),
        );
        let known = tables.operations.get(&place);
        if known.is_some_and(|(known, _)| known.is_of(&record.incarnation)) {
            return Ok(false);
        }
        let done = match &operation.create {
            Some(create) => self.try_create_full(operation, create)?,
            None => self.try_change(operation)?,
        };
        if done {
            keep(&mut tables, operation, place);
        }
        Ok(done)
    }

    fn try_change(&self, operation: &Operation) -> Result<bool, StoreError> {
        let key = |shard| BucketKey {
            shard,
            ..operation.bucket.clone()
        };
        let mut changes: Vec<_> = operation.changes.iter().collect();
        // Every transaction locks in the same order, so that there is no deadlock.
        changes.sort_by_key(|change| change.shard);
        let entries: Option<Vec<Arc<Entry>>> = changes
            .iter()
            .map(|change| self.buckets.find(key(change.shard).parts().into()))
            .collect();
        let Some(entries) = entries else {
            return Ok(false);
        };
        let mut slots: Vec<_> = entries.iter().map(|entry| entry.lock()).collect();
        let mut states = Vec::with_capacity(slots.len());
        for (slot, change) in slots.iter().zip(&changes) {
            let state = slot.bucket.as_ref().map(CompactState::to_bucket);
            let Some(mut state) = state.filter(|state| change.holds(state, operation.now)) else {
                return Ok(false);
            };
            change.apply(&mut state).map_err(corrupt)?;
            states.push(state);
        }
        for ((slot, state), entry) in slots.iter_mut().zip(states).zip(&entries) {
            let schemas = self.buckets.schemas(entry.key());
            slot.bucket = Some(CompactState::from_bucket(state, schemas));
        }
        drop(slots);
        for entry in &entries {
            self.buckets.hurry(entry.key());
        }
        Ok(true)
    }

    fn try_create_full(
        &self,
        operation: &Operation,
        create: &crate::model::Create,
    ) -> Result<bool, StoreError> {
        let key = &operation.bucket;
        let entry = self
            .buckets
            .claim(key, &self.home, Limits::unknown(), create.now);
        let entry = entry.ok_or_else(full)?;
        let mut slot = entry.lock();
        let exists = |state: &CompactState| !state.to_bucket().is_expired(create.now);
        if slot.bucket.as_ref().is_some_and(exists) {
            return Ok(false);
        }
        let state = create.bucket(key.shard).map_err(corrupt)?;
        let schemas = self.buckets.schemas(entry.key());
        slot.bucket = Some(CompactState::from_bucket(state, schemas));
        drop(slot);
        self.buckets.hurry(entry.key());
        Ok(true)
    }
}

/// The place of a record in the tables.
type Place = (crate::model::EntityId, crate::model::Resource, String);

fn place_of(bucket: &BucketKey, key: &str) -> Place {
    (
        bucket.entity.clone(),
        bucket.resource.clone(),
        key.to_owned(),
    )
}

fn keep(tables: &mut Inner, operation: &Operation, place: Place) {
    let record = (operation.record.clone(), operation.record_expires_at());
    tables.operations.insert(place, record);
    let event = operation.event.clone();
    let events = tables.audit.entry(event.entity_id.clone());
    events.or_default().push(event);
}
