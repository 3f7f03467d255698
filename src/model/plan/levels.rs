//! The levels of a bucket according to its last image.

use std::time::Duration;

use super::LedgerDelta;
use crate::model::{
    BucketState, Definition, Level, Limit, LimitState, LimitStatus, Limits, MILLI, Owner,
    RefillRule, Renewal, to_milli, whole_tokens,
};

/// Returns the level of one limit at `now` according to the image `state`, after the settlements
/// and grants in `changes`.
///
/// Give-backs are added before the level is limited to the capacity, and debits are subtracted
/// after it, in the same order as in the write.
pub fn projected(
    state: &BucketState,
    limit: &LimitState,
    changes: &LedgerDelta,
    now: i64,
) -> Level {
    let change = changes.get(&limit.name);
    let give = change.map_or(0, |change| change.give_to(limit));
    let gone = change.map_or(0, super::Change::debit);
    let level = state.refilled(limit, give, now);
    Level {
        tokens: level.tokens.saturating_sub(gone),
        ..level
    }
}

/// Returns the level as [`projected`] does, for a write that changes `limit` to `wanted`.
pub fn projected_as(
    state: &BucketState,
    limit: &LimitState,
    wanted: &Limit,
    changes: &LedgerDelta,
    now: i64,
) -> Level {
    let level = projected(state, limit, changes, now);
    if limit.begins_anew(wanted.renewal(), now) {
        let more = wanted
            .rule_at(now)
            .capacity()
            .saturating_sub(limit.rule_at(now).capacity());
        return Level::new(level.tokens.saturating_add(more), 0);
    }
    level
}

/// Returns `true` if the image has too few tokens of a limit for the grants in `changes`.
pub fn is_short(state: &BucketState, changes: &LedgerDelta, now: i64) -> bool {
    !state.is_bypassed(now)
        && state.limits.iter().any(|limit| {
            let floor = changes
                .get(&limit.name)
                .filter(|change| change.spend > 0)
                .map(|change| change.floor);
            let short = |floor| projected(state, limit, changes, now).tokens < floor;
            floor.is_some_and(short) && !state.is_soft(&limit.name, now)
        })
}

/// Returns the status of every limit in `limits` for a request that asks for `amounts`
/// (millitokens, in the order of `limits`). A limit that the bucket does not have yet counts as
/// full, or as empty if the bucket has a part of it.
pub fn statuses(
    state: Option<&BucketState>,
    limits: &[Limit],
    amounts: &[i64],
    changes: &LedgerDelta,
    now: i64,
) -> Vec<LimitStatus> {
    let state = state.filter(|state| !state.is_expired(now));
    let requested = amounts.iter().copied().chain(std::iter::repeat(0));
    limits
        .iter()
        .zip(requested)
        .map(|(limit, amount)| {
            let known = state.and_then(|state| Some((state, state.limit(limit.name())?)));
            let (rule, level) = match known {
                Some((state, known)) => (
                    state.rule_with(known, limit, now),
                    projected_as(state, known, limit, changes, now),
                ),
                None => {
                    let rule = limit.rule_at(now);
                    let tokens = state.map_or(rule.capacity(), |state| {
                        state.begins_with(limit.name(), rule.capacity())
                    });
                    (
                        rule,
                        Level {
                            tokens,
                            remainder: 0,
                        },
                    )
                }
            };
            let shard = state.map_or((0, 1), |state| (state.shard, state.shard_count));
            let ahead = state.map_or(0, |state| ahead(state, now));
            let status = status(limit, rule, level, amount, ahead, (now, shard));
            match state {
                Some(state) if state.waives(limit.name(), now) => waived(status, state, now),
                _ => status,
            }
        })
        .collect()
}

/// Returns the status of a limit that the bucket does not enforce, because of a stamp.
#[cold]
fn waived(status: LimitStatus, state: &BucketState, now: i64) -> LimitStatus {
    let is_soft = status.limit.is_soft() || state.is_soft(status.limit.name(), now);
    LimitStatus {
        limit: status.limit.with_softness(is_soft),
        retry_after: Some(Duration::ZERO),
        ..status
    }
}

/// Returns the time until the anchor, ms, if the anchor is in the future. The refill begins at the
/// anchor.
pub(super) fn ahead(state: &BucketState, now: i64) -> i64 {
    state.refilled_at.saturating_sub(now).max(0)
}

/// Returns the status of one limit in one shard of a number of them, at `now` (epoch ms). `level` is
/// the level now, `amount` is requested (millitokens), and refills begin in `ahead` ms.
pub fn status(
    limit: &Limit,
    rule: RefillRule,
    level: Level,
    amount: i64,
    ahead: i64,
    (now, shard): (i64, (u32, u32)),
) -> LimitStatus {
    let level = Level {
        tokens: level.tokens.min(rule.capacity()),
        ..level
    };
    let course = limit.course(shard);
    let wait = |amount: i64| {
        let wait = match course {
            _ if amount <= 0 => Some(0),
            None if rule.is_quota() && never_again(limit, level.tokens.into(), amount) => None,
            None => rule.wait(level, amount),
            Some(_) if rule.is_quota() => wait_for_edge(limit, rule, level, amount, (now, shard)),
            Some(course) => course.wait(level, amount, now),
        };
        // The end of a quota's period does not depend on the anchor.
        wait.map(|wait| {
            if wait == 0 || rule.is_quota() {
                wait
            } else {
                wait.saturating_add(ahead)
            }
        })
    };
    let reset_after = match course {
        _ if rule.is_quota() => period_left(limit, rule, now),
        None => wait(rule.capacity()).unwrap_or(i64::MAX),
        Some(course) => course.full_in(level, now).saturating_add(ahead),
    };
    let millis = |wait: i64| Duration::from_millis(u64::try_from(wait).unwrap_or(0));
    LimitStatus {
        owner: Owner::Entity,
        resource: None,
        limit: limit.at(now).into_owned(),
        available: whole_tokens(level.tokens),
        requested: u64::try_from(amount.max(0) / MILLI).unwrap_or(0),
        retry_after: if limit.is_soft() {
            Some(Duration::ZERO)
        } else {
            wait(amount).map(millis)
        },
        reset_after: millis(reset_after),
    }
}

/// Returns the time until the period of a quota ends, ms. If its last period is over and nobody has
/// charged the next one yet, the calendar says when that ends; a session has not begun.
pub(super) fn period_left(limit: &Limit, rule: RefillRule, now: i64) -> i64 {
    let calendar = limit.renewal().and_then(Renewal::calendar);
    match calendar.filter(|_| rule.is_renewed()) {
        Some(calendar) => calendar.end_after(now).saturating_sub(now),
        None => rule.renewed_in().max(0),
    }
}

/// Returns `true` if a quota that holds `held` does not hold `amount` (millitokens), and no later
/// period will. A top-up may have raised the capacity of this period alone.
pub(super) fn never_again(limit: &Limit, held: i128, amount: i64) -> bool {
    i128::from(amount) > held && amount > to_milli(limit.greatest_capacity())
}

/// The number of edges of a quota with a schedule that are looked at for one with enough capacity.
const MOST_EDGES: usize = 64;

/// Returns the time until a quota with a schedule holds `amount` (millitokens): until the first edge
/// at which its capacity is enough. `None` if it never is.
fn wait_for_edge(
    limit: &Limit,
    rule: RefillRule,
    level: Level,
    amount: i64,
    (now, shard): (i64, (u32, u32)),
) -> Option<i64> {
    if level.tokens >= amount {
        return Some(0);
    }
    let course = limit.course(shard)?;
    if amount > course.greatest_capacity() {
        return None;
    }
    let mut edge = now.saturating_add(rule.renewed_in().max(0));
    for _ in 0..MOST_EDGES {
        if course.rule_at(edge).capacity() >= amount {
            break;
        }
        edge = limit.renewal()?.end_after(edge);
    }
    Some(edge.saturating_sub(now))
}

/// Returns `true` if the bucket has other parameters than `desired`, or lacks one of these limits.
pub fn differs(state: &BucketState, desired: &[Limit]) -> bool {
    desired.iter().any(|limit| match state.limit(limit.name()) {
        Some(known) => !known.is(limit),
        None => true,
    })
}

/// Returns the new definition of the limit, if it differs.
pub(super) fn new_definition(known: &LimitState, desired: &[Limit]) -> Option<Definition> {
    let desired = desired.iter().find(|limit| *limit.name() == known.name)?;
    (!known.is(desired)).then(|| Definition::from(desired))
}

/// Returns `true` if the limits that both buckets have are equal.
pub fn same_parameters(one: &BucketState, other: &BucketState) -> bool {
    let same = |limit: &LimitState| {
        one.limit(&limit.name).is_none_or(|known| {
            known.parameters == limit.parameters
                && known.renewal() == limit.renewal()
                && known.timetable() == limit.timetable()
        })
    };
    other.limits.iter().all(same)
}

/// Returns `limits` with the bucket's parameters; `None` if they are equal or not valid.
pub fn limits_of(state: &BucketState, limits: &[Limit]) -> Option<Limits> {
    let known = |limit: &Limit| state.limit(limit.name());
    if limits
        .iter()
        .all(|limit| known(limit).is_none_or(|known| known.is(limit)))
    {
        return None;
    }
    let own = |limit: &Limit| match known(limit) {
        Some(known) => Limit::from_parameters(
            limit.name(),
            known.parameters,
            known.renewal(),
            known.timetable(),
        )
        .map(|own| own.with_softness(limit.is_soft())),
        None => Some(limit.clone()),
    };
    Limits::new(limits.iter().map(own).collect::<Option<Vec<_>>>()?).ok()
}
