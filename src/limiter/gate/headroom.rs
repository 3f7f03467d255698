//! Computes how much more a bucket can grant.

use smallvec::SmallVec;

use crate::{
    limiter::gate::ask::RequestedAmounts,
    model::{
        BucketState, Limit, Limits,
        plan::{self, LedgerDelta},
    },
};

/// Returns `true` if the bucket can grant all of `requested`, as far as is known.
pub(super) fn fits(
    state: Option<&BucketState>,
    requested: RequestedAmounts<'_>,
    changes: &LedgerDelta,
    now: i64,
) -> bool {
    Headroom::new(state, Some(requested.limits), changes, now).take(requested)
}

/// The amount of each limit that can still be granted, as far as is known: millitokens; `None` if
/// it is unlimited. A bucket that does not exist counts as full, and so does a limit that the
/// bucket does not contain.
pub(super) struct Headroom {
    left: SmallVec<[Option<i64>; 2]>,
    shards: u32,
}

impl Headroom {
    pub(super) fn new(
        state: Option<&BucketState>,
        limits: Option<&Limits>,
        changes: &LedgerDelta,
        now: i64,
    ) -> Self {
        let bypassed = state.is_some_and(|state| state.is_bypassed(now));
        let left = |limit: &Limit| {
            let gone = changes.get(limit.name()).map_or(0, plan::Change::debit);
            let whole = limit.rule_at(now).capacity();
            let Some(state) = state else {
                return Some(whole.saturating_sub(gone));
            };
            let Some(known) = state.limit(limit.name()) else {
                return Some(state.begins_with(limit.name(), whole).saturating_sub(gone));
            };
            if state.is_soft(&known.name, now) {
                return None;
            }
            // A write that lowers the capacity first reduces the tokens to the new capacity, and
            // then spends.
            let capacity = state.rule_with(known, limit, now).capacity();
            Some(
                capacity
                    .saturating_sub(gone)
                    .min(plan::projected_as(state, known, limit, changes, now).tokens),
            )
        };
        let left = |limit: &Limit| if bypassed { None } else { left(limit) };
        let left = limits
            .into_iter()
            .flat_map(|limits| limits.iter())
            .map(left)
            .collect();
        Self {
            left,
            shards: state.map_or(1, |state| state.shard_count),
        }
    }

    /// Takes the amounts of `requested` if there is room for all of them. Returns `false` if not.
    pub(super) fn take(&mut self, requested: RequestedAmounts<'_>) -> bool {
        let fits = |(index, (left, amount)): (usize, (&Option<i64>, &i64))| {
            let held = left.map(|left| left.saturating_add(requested.debt(index, self.shards)));
            *amount <= 0 || held.is_none_or(|held| held >= *amount)
        };
        if !self
            .left
            .iter()
            .zip(requested.amounts)
            .enumerate()
            .all(fits)
        {
            return false;
        }
        for (left, amount) in self.left.iter_mut().zip(requested.amounts) {
            *left = left.map(|left| left.saturating_sub((*amount).max(0)));
        }
        true
    }
}
