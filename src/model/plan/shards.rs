//! Treats the shards of a bucket as one bucket.

use std::time::Duration;

use smallvec::SmallVec;

use super::{
    LedgerDelta, clamp,
    levels::{ahead, never_again, period_left},
    projected_as,
};
use crate::model::{
    BucketState, Level, Limit, LimitStatus, MILLI, Owner, RefillRule, whole_tokens,
};

/// Millitokens, in the order of the limits.
type ShardAmounts = SmallVec<[i64; 2]>;

/// The image of a shard, and the changes that will be written to it.
pub type ShardView<'a> = (&'a BucketState, &'a LedgerDelta);

/// Returns the status of every limit in `limits` for a request that asks for `amounts`
/// (millitokens, in the order of `limits`), which may be taken from all shards together.
pub fn statuses_of_shards(
    shards: &[ShardView<'_>],
    limits: &[Limit],
    amounts: &[i64],
    now: i64,
) -> Vec<LimitStatus> {
    let requested = amounts.iter().copied().chain(std::iter::repeat(0));
    let status = |(limit, amount): (&Limit, i64)| {
        let levels = levels(shards, limit, now);
        let (held, capacity) =
            levels
                .iter()
                .fold((0i128, 0i128), |(held, capacity), (rule, level)| {
                    (
                        held + i128::from(level.tokens),
                        capacity + i128::from(rule.capacity()),
                    )
                });
        // The end of a quota's period does not depend on the anchor.
        let anchors = shards.iter().filter(|_| !limit.is_quota());
        let ahead = anchors.map(|(state, _)| ahead(state, now)).max();
        let ahead = ahead.unwrap_or(0);
        let millis = |wait: i64| Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let later = |wait: i64| {
            millis(if wait == 0 {
                0
            } else {
                wait.saturating_add(ahead)
            })
        };
        // A schedule changes the rules of all shards at once: they count as one bucket.
        let course = limit.course((0, 1)).filter(|_| !limit.is_quota());
        let level = Level::new(clamp(held), 0);
        let wait_of = |amount: i64| match course {
            Some(course) if i128::from(amount) > held => course.wait(level, amount, now),
            None if limit.is_quota() && never_again(limit, held, amount) => None,
            _ => wait(&levels, amount),
        };
        let reset = match course {
            Some(course) => Some(course.full_in(level, now)),
            None => wait(&levels, clamp(capacity)),
        };
        LimitStatus {
            owner: Owner::Entity,
            resource: None,
            limit: limit.at(now).into_owned(),
            available: whole_tokens(clamp(held)),
            requested: u64::try_from(amount.max(0) / MILLI).unwrap_or(0),
            retry_after: wait_of(amount).map(later),
            reset_after: if limit.is_quota() {
                let ends = levels
                    .iter()
                    .map(|(rule, _)| period_left(limit, *rule, now));
                ends.max().map_or(Duration::ZERO, millis)
            } else {
                reset.map_or(Duration::MAX, later)
            },
        }
    };
    limits.iter().zip(requested).map(status).collect()
}

/// Returns the amounts to take from each shard, from the fullest first, so that they add up to
/// `amounts`. `None` if all shards together have too few tokens.
pub fn draw(
    shards: &[ShardView<'_>],
    limits: &[Limit],
    amounts: &[i64],
    now: i64,
) -> Option<Vec<ShardAmounts>> {
    let mut drawn: Vec<ShardAmounts> = shards
        .iter()
        .map(|_| SmallVec::from_elem(0, limits.len()))
        .collect();
    for (index, (limit, amount)) in limits.iter().zip(amounts).enumerate() {
        let mut fullest: Vec<(usize, i64)> = levels(shards, limit, now)
            .iter()
            .map(|(_, level)| level.tokens)
            .enumerate()
            .collect();
        fullest.sort_by_key(|(_, tokens)| std::cmp::Reverse(*tokens));
        let mut missing = *amount;
        for (shard, tokens) in fullest {
            let part = missing.clamp(0, tokens.max(0));
            drawn[shard][index] = part;
            missing -= part;
        }
        if missing > 0 {
            return None;
        }
    }
    Some(drawn)
}

/// Returns the rule and the level of the limit in each shard at `now`. A limit that a shard does
/// not have yet will begin full.
fn levels(shards: &[ShardView<'_>], limit: &Limit, now: i64) -> Vec<(RefillRule, Level)> {
    let level = |(state, changes): &ShardView<'_>| match state.limit(limit.name()) {
        Some(known) => {
            let rule = state.rule_with(known, limit, now);
            let level = projected_as(state, known, limit, changes, now);
            Some((
                rule,
                Level {
                    tokens: level.tokens.min(rule.capacity()),
                    ..level
                },
            ))
        }
        None => {
            let rule = limit
                .parameters_at(now.max(state.refilled_at))
                .shard(state.shard, state.shard_count)
                .ok()?;
            let rule = match limit.renewal() {
                None => rule,
                Some(renewal) => {
                    let left = renewal.end_after(now).saturating_sub(now);
                    RefillRule::quota(rule.capacity(), renewal.cycle(), left)
                }
            };
            Some((
                rule,
                Level {
                    tokens: state.begins_with(limit.name(), rule.capacity()),
                    remainder: 0,
                },
            ))
        }
    };
    shards.iter().filter_map(level).collect()
}

/// Returns the milliseconds until the levels together hold `amount`; `None` if they never do. Found
/// by bisection, because a full shard gains nothing while the others do.
fn wait(levels: &[(RefillRule, Level)], amount: i64) -> Option<i64> {
    let held = |after: i64| -> i128 {
        levels
            .iter()
            .map(|(rule, level)| i128::from(rule.refill(*level, after).tokens))
            .sum()
    };
    let enough = |after: i64| held(after) >= i128::from(amount);
    if amount <= 0 || enough(0) {
        return Some(0);
    }
    let full = levels
        .iter()
        .map(|(rule, level)| rule.wait(*level, rule.capacity()).unwrap_or(i64::MAX))
        .max()?;
    if !enough(full) {
        return None;
    }
    let (mut short, mut long) = (0, full);
    while long - short > 1 {
        let middle = short + (long - short) / 2;
        if enough(middle) {
            long = middle
        } else {
            short = middle
        }
    }
    Some(long)
}
