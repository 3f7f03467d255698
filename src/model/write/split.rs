//! The split of a bucket.

use super::WriteId;
use crate::model::{BucketState, InvalidParameters, LimitState, RefillRule};

/// Doubles the shards of a bucket: each shard gives half of its tokens to a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Split {
    /// The write's id, stored in the items.
    pub id: WriteId,
    /// The time at which expiry is checked (epoch ms).
    pub now: i64,
    /// The number of shards that the bucket must have: at most half of
    /// [`MOST_SHARDS`](Self::MOST_SHARDS).
    pub shard_count: u32,
}

impl Split {
    /// The maximum number of shards of a bucket: as many as one transaction can create.
    pub const MOST_SHARDS: u32 = 32;

    /// Returns the split of a bucket of `shard_count` shards at `now` (epoch ms).
    pub fn new(id: WriteId, now: i64, shard_count: u32) -> Self {
        Self {
            id,
            now,
            shard_count,
        }
    }

    /// Returns the number of shards after the split; `None` if it would be above the maximum.
    pub fn doubled(&self) -> Option<u32> {
        self.shard_count
            .checked_mul(2)
            .filter(|count| (2..=Self::MOST_SHARDS).contains(count))
    }

    /// Returns `true` if the split may halve this shard.
    pub fn holds(&self, state: &BucketState) -> bool {
        !state.is_expired(self.now) && state.shard_count == self.shard_count
    }

    /// Returns what a shard keeps and what its new shard gets. The new shard gets the smaller half
    /// of the tokens. Both keep the refill time and the remainder.
    ///
    /// Of a quota, the new shard gets no more than its share of the period, and the old shard may
    /// still hold all that it was granted for the period.
    ///
    /// # Errors
    /// [`InvalidParameters`] if a limit cannot be divided among that number of shards.
    pub fn halve(
        &self,
        state: &BucketState,
    ) -> Result<(BucketState, BucketState), InvalidParameters> {
        let count = self.shard_count.saturating_mul(2);
        let added = state.shard.saturating_add(self.shard_count);
        let share = |shard: u32| -> Result<BucketState, InvalidParameters> {
            let is_new = shard == added;
            let limit = |limit: &LimitState| {
                let moved = self.moved(limit, (added, count));
                let mut level = limit.level;
                level.tokens = if is_new { moved } else { level.tokens - moved };
                let consumed = if is_new { 0 } else { limit.consumed };
                let period = limit.period().map(|period| {
                    let mut period = period.clone();
                    if is_new {
                        (period.topped_up, period.grant) = (0, None);
                    } else {
                        period.grant.get_or_insert((shard, self.shard_count));
                    }
                    period
                });
                LimitState::new(
                    limit.name.clone(),
                    limit.parameters,
                    (shard, count),
                    level,
                    consumed,
                )
                .map(|new| {
                    new.with_period(period).with_timetable(
                        limit.timetable().cloned(),
                        (shard, count),
                        state.refilled_at,
                    )
                })
            };
            let limits = state.limits.iter().map(limit).collect::<Result<_, _>>()?;
            Ok(BucketState {
                shard,
                shard_count: count,
                limits,
                last_write: Some(self.id.clone()),
                ..state.clone()
            })
        };
        let mut kept = share(state.shard)?;
        let mut new = share(added)?;
        if kept.shard == 0 {
            // The first shard must not expire: without it, a request would create a new, full
            // bucket in addition to the other shards.
            kept.expires_at = None;
        }
        if let Some(pressure) = &mut new.pressure {
            pressure.level.tokens = pressure.rule.capacity();
            pressure.consumed = 0;
        }
        Ok((kept, new))
    }

    /// Returns the millitokens of `limit` that move to the new `shard`, which is one of `count`.
    pub(crate) fn moved(&self, limit: &LimitState, (shard, count): (u32, u32)) -> i64 {
        let half = limit.level.tokens.div_euclid(2);
        if limit.period().is_none() {
            return half;
        }
        let share = limit.parameters_at(self.now).shard(shard, count);
        half.min(share.map_or(0, RefillRule::capacity))
    }
}
