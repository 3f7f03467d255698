//! The change of one shard by an operation.

use crate::model::{BucketState, Expiry, InvalidParameters, LimitName, Period};

/// The change of one shard by an operation, on condition that the anchor and the shard count are
/// those that were read. Tokens are added, not set: what others have spent since the read stays
/// spent.
///
/// The write also sets [`BucketStamps::valid_until`](crate::model::BucketStamps::valid_until) to 0, so
/// that the next spend cuts what is above the capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardChange {
    /// The number of the shard.
    pub shard: u32,
    /// The number of shards that the bucket must have.
    pub shard_count: u32,
    /// The new number of shards, if the shard does not know yet that the bucket has more.
    pub raised_to: Option<u32>,
    /// The anchor that the shard must have: epoch ms.
    pub seen: i64,
    /// The new anchor: epoch ms.
    pub to: i64,
    /// The changes of the limits.
    pub limits: Vec<LimitChange>,
    /// The millitokens that are added to the internal limit that counts writes.
    pub pressure: i64,
    /// The change of the expiry.
    pub expiry: Expiry,
}

/// The change of one limit of a shard by an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitChange {
    /// The limit.
    pub limit: LimitName,
    /// The millitokens that are added.
    pub tokens: i64,
    /// The new remainder of the refill's division; `None` if it stays.
    pub remainder: Option<i64>,
    /// The change of a quota's period.
    pub period: Option<PeriodWrite>,
}

/// The change of a quota's period by an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeriodWrite {
    /// The period after the write.
    pub period: Period,
    /// The number of shards for which the tokens are granted anew; `None` if they are not.
    pub grants: Option<u32>,
    /// The start of the session, if the write begins or ends one: epoch ms.
    pub session: Option<i64>,
    /// `true` if the write changes the tokens that were added for this period alone.
    pub changes_top_up: bool,
    /// `true` if the write counts a reset of a calendar.
    pub counts_reset: bool,
}

impl ShardChange {
    /// Returns `true` if every condition holds for the shard at `now` (epoch ms).
    pub fn holds(&self, state: &BucketState, now: i64) -> bool {
        !state.is_expired(now)
            && state.refilled_at == self.seen
            && state.shard_count == self.shard_count
    }

    /// Changes the shard. The conditions must [hold](Self::holds).
    ///
    /// # Errors
    /// [`InvalidParameters`] if a limit cannot be divided among the new number of shards.
    pub fn apply(&self, state: &mut BucketState) -> Result<(), InvalidParameters> {
        if let Some(count) = self.raised_to {
            state.raise(count)?;
        }
        state.set_anchor(self.to);
        state.own_anchor = Some(self.to);
        match self.expiry {
            Expiry::Keep => {}
            Expiry::At(seconds) => state.expires_at = Some(seconds),
            Expiry::Never => state.expires_at = None,
        }
        state.set_valid_until(Some(0));
        if let Some(pressure) = &mut state.pressure {
            pressure.level.tokens = pressure.level.tokens.saturating_add(self.pressure);
        }
        for change in &self.limits {
            let mut limits = state.limits.iter_mut();
            let Some(limit) = limits.find(|limit| limit.name == change.limit) else {
                continue;
            };
            let stored = limit.stored_tokens().unwrap_or(limit.level.tokens);
            limit.level.tokens = stored.saturating_add(change.tokens);
            if let Some(remainder) = change.remainder {
                limit.level.remainder = remainder;
            }
            if let Some(write) = &change.period {
                limit.period = Some(Box::new(write.period.clone()));
            }
        }
        Ok(())
    }
}
