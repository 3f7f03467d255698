//! Decisions under the shard's lock: no await, no write to plan.

use smallvec::SmallVec;

use super::{
    MemoryStore,
    buckets::{KeyParts, Shard},
    store::full,
};
use crate::{
    model::{
        BucketKey, BucketState, Level, Limit, LimitState, LimitStatus, Parameters,
        plan::{self, Changes},
    },
    store::StoreError,
};

/// Why an acquire in memory was not granted.
#[derive(Debug)]
pub(crate) enum Shortage {
    /// A limit is short: where all of them stand.
    Denied(Vec<LimitStatus>),
    /// There is no room for another bucket.
    Full(StoreError),
}

impl MemoryStore {
    /// Spends `amounts` (millitokens, in the order of `limits`) all or nothing, and returns what
    /// is left of each limit.
    pub(crate) fn spend(
        &self,
        key: &BucketKey,
        limits: &[Limit],
        amounts: &[i64],
        now: i64,
    ) -> Result<SmallVec<[i64; 2]>, Shortage> {
        let parts = KeyParts::from(key);
        let mut shard = self.buckets.shard(parts);
        let Some(state) = shard.get_mut(parts) else {
            let mut state = new_bucket(limits, now);
            let left = take(&mut state, limits, amounts, now).map_err(Shortage::Denied)?;
            return match shard.insert(key.clone(), state, self.buckets.most(), now) {
                true => Ok(left),
                false => Err(Shortage::Full(full())),
            };
        };
        bring_to(state, limits, now);
        take(state, limits, amounts, now).map_err(Shortage::Denied)
    }

    /// Settles differences (millitokens, in the order of `limits`): positive takes more and may
    /// drive the bucket negative, negative gives back and stops at the capacity.
    pub(crate) fn settle(&self, key: &BucketKey, limits: &[Limit], differences: &[i64], now: i64) {
        let parts = KeyParts::from(key);
        let mut shard = self.buckets.shard(parts);
        if let Some(state) = shard.get_mut(parts) {
            settle_state(state, limits, differences, now);
        } else if differences.iter().any(|difference| *difference > 0) {
            // Forgotten because it was full: what was used counts all the same.
            let mut state = new_bucket(limits, now);
            settle_state(&mut state, limits, differences, now);
            insert_or_drop(&mut shard, key, state, self.buckets.most(), now);
        }
        shard.given_back();
    }

    /// Where `limits` stand in view of a request for `amounts`.
    pub(crate) fn statuses(&self, key: &BucketKey, limits: &[Limit], amounts: &[i64], now: i64) -> Vec<LimitStatus> {
        let parts = KeyParts::from(key);
        let mut shard = self.buckets.shard(parts);
        plan::statuses(shard.get_mut(parts).as_deref(), limits, amounts, &Changes::new(), now)
    }
}

fn insert_or_drop(shard: &mut Shard, key: &BucketKey, state: BucketState, most: usize, now: i64) {
    if !shard.insert(key.clone(), state, most, now) {
        crate::telemetry::settlement_dropped(key, "the memory store is full");
    }
}

fn new_bucket(limits: &[Limit], now: i64) -> BucketState {
    let mut state = BucketState::new(now);
    bring_to(&mut state, limits, now);
    state
}

/// Refills the bucket and brings its parameters to `limits`. A clock that runs back changes
/// nothing, and the refill time never moves back.
fn bring_to(state: &mut BucketState, limits: &[Limit], now: i64) {
    let age = state.age(now);
    if age > 0 {
        state.refilled_at = now;
        for limit in &mut state.limits {
            limit.level = limit.rate.refill(limit.level, age);
        }
    }
    for limit in limits {
        let parameters = Parameters::from(limit);
        match state.limits.iter_mut().find(|known| known.name == *limit.name()) {
            Some(known) if known.parameters == parameters => {}
            Some(known) => {
                let tokens = known.level.tokens.min(parameters.capacity());
                known.parameters = parameters;
                known.rate = parameters.whole();
                known.level = Level { tokens, remainder: 0 };
            }
            None => state.limits.push(LimitState {
                name: limit.name().clone(),
                parameters,
                rate: parameters.whole(),
                level: Level { tokens: parameters.capacity(), remainder: 0 },
                consumed: 0,
            }),
        }
    }
}

fn take(
    state: &mut BucketState,
    limits: &[Limit],
    amounts: &[i64],
    now: i64,
) -> Result<SmallVec<[i64; 2]>, Vec<LimitStatus>> {
    let short = |state: &BucketState| {
        limits.iter().zip(amounts).any(|(limit, amount)| {
            *amount > 0 && state.limit(limit.name()).is_none_or(|known| known.level.tokens < *amount)
        })
    };
    if short(state) {
        return Err(plan::statuses(Some(state), limits, amounts, &Changes::new(), now));
    }
    let mut left = SmallVec::new();
    for (limit, amount) in limits.iter().zip(amounts) {
        let Some(known) = state.limits.iter_mut().find(|known| known.name == *limit.name()) else {
            continue;
        };
        known.level.tokens = known.level.tokens.saturating_sub(*amount);
        known.consumed = known.consumed.saturating_add(*amount);
        left.push(known.level.tokens);
    }
    Ok(left)
}

fn settle_state(state: &mut BucketState, limits: &[Limit], differences: &[i64], now: i64) {
    let age = state.age(now);
    if age > 0 {
        state.refilled_at = now;
        for limit in &mut state.limits {
            limit.level = limit.rate.refill(limit.level, age);
        }
    }
    for (limit, difference) in limits.iter().zip(differences) {
        let Some(known) = state.limits.iter_mut().find(|known| known.name == *limit.name()) else {
            continue;
        };
        // Giving back stops at the capacity: never mint.
        let tokens = known.level.tokens.saturating_sub(*difference);
        known.level.tokens = if *difference < 0 { tokens.min(known.rate.capacity()) } else { tokens };
        known.consumed = known.consumed.saturating_add(*difference);
    }
}
