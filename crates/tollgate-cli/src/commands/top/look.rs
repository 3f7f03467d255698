//! One look at the buckets.

use std::{collections::HashMap, time::Instant};

use tollgate::{
    EntityId, Resource,
    model::{BucketKey, BucketState},
};

use super::{
    bucket_rates::BucketRates,
    ranking::{Ranking, Sort},
    readings::Readings,
};
use crate::time;

/// A look at the buckets, which keeps the hottest of them.
#[derive(Debug)]
pub(super) struct Look {
    ranking: Ranking,
    /// Buckets of which some shards were not read yet.
    parts: HashMap<(EntityId, Resource), BucketRates>,
    read: u64,
    begun: Instant,
    kept_bytes: usize,
}

impl Look {
    pub(super) fn begin(readings: &mut Readings, sort: Sort, most: usize) -> Self {
        readings.begin();
        Self {
            ranking: Ranking::new(sort, most),
            parts: HashMap::new(),
            read: 0,
            begun: Instant::now(),
            kept_bytes: 0,
        }
    }

    /// Returns the number of shards that were read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Returns the seconds since the look began.
    pub(super) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Returns the bytes that are kept for the next look.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Adds a shard.
    pub(super) fn add(&mut self, readings: &mut Readings, key: &BucketKey, state: &BucketState) {
        self.read += 1;
        let now = time::now();
        if state.is_expired(now) {
            return;
        }
        let rates = readings.note(key, state);
        let row = BucketRates::new(key, state, &rates, now);
        if row.shards <= 1 {
            return self.ranking.add(row);
        }
        let name = (key.entity.clone(), key.resource.clone());
        let whole = match self.parts.remove(&name) {
            Some(mut known) => {
                known.add(row);
                known
            }
            None => row,
        };
        if whole.shards_read >= whole.shards {
            self.ranking.add(whole);
        } else {
            self.parts.insert(name, whole);
        }
    }

    /// Ends the look.
    pub(super) fn finish(&mut self, readings: &mut Readings) {
        readings.finish();
        self.kept_bytes = readings.bytes();
        for (_, part) in std::mem::take(&mut self.parts) {
            self.ranking.add(part);
        }
    }

    /// Returns the hottest buckets in their order.
    pub(super) fn into_rows(self) -> Vec<BucketRates> {
        self.ranking.into_rows()
    }
}
