//! Plans the write that creates a bucket.

use smallvec::SmallVec;

use super::{Desired, LedgerDelta, Siblings, expiry::gone_at};
use crate::model::{
    BucketState, BucketTtl, Create, Level, Limit, NewLimit, Parameters, Period, RefillRule,
    Renewal, WriteId,
};

/// Returns the bucket of a first request: full, minus what `changes` spend and take.
pub fn create<'a>(
    changes: &LedgerDelta,
    desired: impl Into<Desired<'a>>,
    now: i64,
    id: WriteId,
) -> Create {
    create_shard(changes, desired, (0, 1), true, now, id)
}

/// Returns one shard of a new bucket: full, minus what `changes` spend and take. If not `full`, it
/// begins empty, because other shards may hold its tokens.
pub fn create_shard<'a>(
    changes: &LedgerDelta,
    desired: impl Into<Desired<'a>>,
    (shard, shard_count): (u32, u32),
    full: bool,
    now: i64,
    id: WriteId,
) -> Create {
    let Desired {
        limits: desired,
        own,
        lineage,
        siblings,
        ttl,
        ..
    } = desired.into();
    let new = |limit: &Limit| {
        let mut new = new_limit(limit, changes, (shard, shard_count), &siblings, now);
        // The other shards show which shares of a quota are granted.
        if !full && !limit.is_quota() {
            new.level.tokens = new.level.tokens.min(0);
        }
        new
    };
    let limits: SmallVec<[NewLimit; 2]> = desired.iter().map(new).collect();
    let expires_at = limits
        .iter()
        .map(|new| gone_at(new.rule_at(now), new.course(), new.level.tokens, ttl, now))
        .max();
    let stays = own == Some(true) || ttl == BucketTtl::Never || (shard == 0 && shard_count > 1);
    Create {
        id,
        now,
        limits,
        expires_at: expires_at.filter(|_| !stays),
        shard_count,
        lineage: lineage.cloned(),
        stamps: None,
    }
}

/// Returns the limits of `desired` that the bucket lacks.
pub(super) fn added_limits(
    state: &BucketState,
    changes: &LedgerDelta,
    desired: &Desired<'_>,
    now: i64,
) -> Vec<NewLimit> {
    let missing = desired
        .limits
        .iter()
        .filter(|limit| state.limit(limit.name()).is_none());
    let shard = (state.shard, state.shard_count);
    let new = |limit: &Limit| new_limit(limit, changes, shard, &desired.siblings, now);
    missing
        .map(|limit| {
            let mut new = new(limit);
            // If the bucket has a part of the limit, some of the limit was spent: it must not begin
            // full.
            new.level.tokens = state
                .begins_with(limit.name(), new.level.tokens)
                .min(new.level.tokens);
            new
        })
        .collect()
}

/// Returns a limit that begins full at `now` (epoch ms). A quota begins its period.
fn new_limit(
    limit: &Limit,
    changes: &LedgerDelta,
    (shard, shard_count): (u32, u32),
    siblings: &Siblings,
    now: i64,
) -> NewLimit {
    let parameters = Parameters::from(limit);
    // The shard count makes no valid rule, so the limit begins empty.
    let capacity = if siblings.covered.contains(limit.name()) {
        0
    } else {
        limit
            .parameters_at(now)
            .shard(shard, shard_count)
            .map_or(0, RefillRule::capacity)
    };
    let begun = siblings
        .sessions
        .iter()
        .find(|(name, _)| name == limit.name())
        .map(|(_, begun)| *begun);
    let change = changes.get(limit.name());
    let gone = change.map_or(0, super::Change::debit);
    let give = change.map_or(0, |change| change.give);
    let count = change.map_or(0, |change| change.count);
    NewLimit {
        limit: limit.name().clone(),
        parameters,
        level: Level {
            tokens: capacity.saturating_sub(gone),
            remainder: 0,
        },
        consumed: gone.saturating_sub(give).saturating_add(count),
        timetable: limit.timetable().cloned(),
        period: limit.renewal().map(|renewal| {
            match (renewal, begun) {
                (Renewal::Session(length), Some(begun)) if begun.saturating_add(*length) > now => {
                    Period::at(renewal.clone(), begun)
                }
                // A session begins with the first charge.
                (Renewal::Session(_), _) if gone == 0 => {
                    Period::at(renewal.clone(), now).with_end(0)
                }
                _ => Period::at(renewal.clone(), now),
            }
        }),
    }
}
