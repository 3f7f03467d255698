//! One look at the buckets.

use std::collections::HashMap;

use tollgate::{
    EntityId, Resource,
    model::{BucketKey, BucketState},
};

use super::{
    bucket_rates::BucketRates,
    ranking::{Ranking, Sort},
    readings::Rates,
};
use crate::time;

/// A look at the buckets, which keeps the hottest of them.
#[derive(Debug)]
pub(super) struct Look {
    ranking: Ranking,
    /// Buckets of which some shards were not read yet.
    parts: HashMap<(EntityId, Resource), BucketRates>,
}

impl Look {
    pub(super) fn new(sort: Sort, most: usize) -> Self {
        Self {
            ranking: Ranking::new(sort, most),
            parts: HashMap::new(),
        }
    }

    /// Adds a shard.
    pub(super) fn add(&mut self, key: &BucketKey, state: &BucketState, rates: &Rates) {
        let row = BucketRates::new(key, state, rates, time::now());
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

    /// Returns the hottest buckets in their order.
    pub(super) fn into_rows(mut self) -> Vec<BucketRates> {
        for (_, part) in std::mem::take(&mut self.parts) {
            self.ranking.add(part);
        }
        self.ranking.into_rows()
    }
}
