//! What more a bucket can grant.

use smallvec::SmallVec;

use crate::model::{
    BucketState, Limit, Limits, Parameters,
    plan::{self, Changes},
};

/// Whether every limit has what is asked of it, as far as is known.
pub(super) fn fits(state: Option<&BucketState>, limits: &Limits, amounts: &[i64], changes: &Changes, now: i64) -> bool {
    Room::new(state, Some(limits), changes, now).take(amounts)
}

/// What more can be granted of each limit, as far as is known: millitokens; `None` where there is no end to
/// it. A bucket that does not exist, and a limit that it does not have, count as full.
pub(super) struct Room(SmallVec<[Option<i64>; 2]>);

impl Room {
    pub(super) fn new(state: Option<&BucketState>, limits: Option<&Limits>, changes: &Changes, now: i64) -> Self {
        let bypassed = state.is_some_and(|state| state.is_bypassed(now));
        let left = |limit: &Limit| {
            let gone = changes.get(limit.name()).map_or(0, |change| change.spend.saturating_add(change.take));
            let wanted = Parameters::from(limit);
            let Some((state, known)) = state.and_then(|state| Some((state, state.limit(limit.name())?))) else {
                return Some(wanted.capacity().saturating_sub(gone));
            };
            if state.is_soft(&known.name, now) {
                return None;
            }
            // A write that lowers the capacity cuts what is there to it before it spends.
            let capacity = wanted.shard(state.shard, state.shard_count).unwrap_or(known.rate).capacity();
            Some(capacity.saturating_sub(gone).min(plan::projected(state, known, changes, now).tokens))
        };
        let left = |limit: &Limit| if bypassed { None } else { left(limit) };
        Self(limits.into_iter().flat_map(|limits| limits.iter()).map(left).collect())
    }

    /// Takes `amounts`, if there is room for all of them.
    pub(super) fn take(&mut self, amounts: &[i64]) -> bool {
        let fits = |(left, amount): (&Option<i64>, &i64)| *amount <= 0 || left.is_none_or(|left| left >= *amount);
        if !self.0.iter().zip(amounts).all(fits) {
            return false;
        }
        for (left, amount) in self.0.iter_mut().zip(amounts) {
            *left = left.map(|left| left.saturating_sub((*amount).max(0)));
        }
        true
    }
}
