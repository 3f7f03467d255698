//! The buckets that changed since the look before, from records of the stream.

use std::collections::{BTreeMap, HashMap};

use tollgate::{EntityId, Resource, model::BucketState, store::dynamodb::decode_bucket};
use tollgate_ops::{
    record::{Item, StreamRecord},
    usage::{Change, ShardName},
};

use super::{look::Look, ranking::Sort, readings::Rates};
use crate::{failure::Failure, time};

/// Selects the buckets.
#[derive(Debug)]
pub(super) struct Selection {
    /// The id of the namespace.
    pub(super) namespace: String,
    pub(super) entity: Option<EntityId>,
    pub(super) resource: Option<Resource>,
    /// The most shards that are kept.
    pub(super) sample: Option<u64>,
}

/// The selected buckets that changed.
#[derive(Debug, Default)]
pub(super) struct ChangedBuckets {
    shards: HashMap<ShardName, ChangedShard>,
    /// The number of changes.
    pub(super) changes: u64,
    /// True if changes of other buckets were left out, because there are too many.
    pub(super) is_sample: bool,
}

/// The changes of one shard.
#[derive(Debug, Default)]
struct ChangedShard {
    /// Millitokens by limit.
    consumed: BTreeMap<String, i64>,
    writes: u32,
    /// The item after the last change. `None` if it was deleted.
    item: Option<Item>,
}

impl Selection {
    fn has(&self, shard: &ShardName) -> bool {
        let is_entity = |only: &EntityId| only.as_str() == shard.entity;
        let is_resource = |only: &Resource| only.as_str() == shard.resource;
        shard.namespace == self.namespace
            && self.entity.as_ref().is_none_or(is_entity)
            && self.resource.as_ref().is_none_or(is_resource)
    }
}

impl ChangedBuckets {
    /// Notes a record, if it is the change of a selected bucket.
    pub(super) fn note(&mut self, record: StreamRecord, selection: &Selection) {
        let Some(shard) = ShardName::of_record(&record).filter(|shard| selection.has(shard)) else {
            return;
        };
        let is_full = selection
            .sample
            .is_some_and(|most| self.shards.len() as u64 >= most);
        if is_full && !self.shards.contains_key(&shard) {
            self.is_sample = true;
            return;
        }
        self.changes += 1;
        let known = self.shards.entry(shard).or_default();
        known.writes = known.writes.saturating_add(1);
        // A change of anything else has no counters.
        if let Some((_, change)) = Change::of(&record) {
            for (limit, tokens) in change.own() {
                let sum = known.consumed.entry(limit).or_default();
                *sum = sum.saturating_add(tokens);
            }
        }
        known.item = record.new;
    }

    /// Returns the number of shards.
    pub(super) fn shards(&self) -> u64 {
        self.shards.len() as u64
    }

    /// Returns a look at these buckets, whose changes took `millis`.
    pub(super) fn look(&self, millis: f64, sort: Sort, most: usize) -> Result<Look, Failure> {
        let mut look = Look::new(sort, most);
        for shard in self.shards.values() {
            let Some(item) = &shard.item else {
                continue;
            };
            let unreadable = |error| {
                Failure::Refused(format!(
                    "the stream has a bucket that cannot be read: {error}"
                ))
            };
            let (key, state) = decode_bucket(item).map_err(unreadable)?;
            if !state.is_expired(time::now()) {
                look.add(&key, &state, &shard.rates(&state, millis));
            }
        }
        Ok(look)
    }
}

impl ChangedShard {
    fn rates(&self, state: &BucketState, millis: f64) -> Rates {
        let consumed = |limit: &str| self.consumed.get(limit).copied().unwrap_or(0) as f64;
        let limits = state.limits().iter();
        Rates {
            tokens: limits
                .map(|limit| consumed(limit.name.as_str()) / millis)
                .collect(),
            writes: Some(f64::from(self.writes) * 1000.0 / millis),
        }
    }
}
