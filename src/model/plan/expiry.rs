//! Computes the time from which a bucket counts as gone.

use super::{Desired, LedgerDelta, levels::new_definition, line};
use crate::model::{BucketState, BucketTtl, Course, Level, NewLimit, RefillRule};

/// The shortest time until a bucket expires, ms. Without this minimum, a bucket that fills in a
/// second would have to be renewed every few seconds.
const AT_LEAST: i64 = 3_600_000;

/// Returns `true` if the bucket expires after a write of limits that are the entity's `own`.
pub(super) fn expires(state: &BucketState, own: Option<bool>, ttl: BucketTtl) -> bool {
    match own {
        // The first of several shards never expires. Without it, a request would create a new, full
        // bucket in addition to the other shards.
        _ if state.shard == 0 && state.shard_count > 1 => false,
        Some(own) => !own && ttl != BucketTtl::Never,
        None => state.expires_at.is_some(),
    }
}

/// Returns `true` if the expiry must be renewed: less than half of the bucket's time is left, or
/// the bucket has an expiry and should have none, or the reverse.
pub(super) fn is_due(state: &BucketState, (own, ttl): (Option<bool>, BucketTtl), now: i64) -> bool {
    match (expires(state, own, ttl), state.expires_at) {
        (false, before) => before.is_some(),
        (true, None) => true,
        (true, Some(before)) => {
            let longest = state
                .limits
                .iter()
                .map(|known| idle(time_to_fill(known.rule_at(now), known.course()), ttl))
                .max()
                .unwrap_or(AT_LEAST);
            before.saturating_mul(1000).saturating_sub(now) < longest / 2
        }
    }
}

/// Returns the time from which the bucket counts as gone if it is not used after a write at `now`:
/// epoch seconds. The bucket refills from `anchor` on. `None` if it never expires.
pub(super) fn after(
    state: &BucketState,
    changes: &LedgerDelta,
    desired: &Desired<'_>,
    added: &[NewLimit],
    (now, anchor): (i64, i64),
) -> Option<i64> {
    if !expires(state, desired.own, desired.ttl) {
        return None;
    }
    let known = state.limits.iter().map(|known| {
        let new = new_definition(known, desired.limits);
        let timetable = match &new {
            None => known.timetable().cloned(),
            Some(new) => new.timetable.clone(),
        };
        let parameters = new.as_ref().map_or(known.parameters, |new| new.parameters);
        let course = timetable.as_ref().map(|timetable| Course {
            timetable,
            parameters,
            shard: (state.shard, state.shard_count),
        });
        let (rule, tokens) = line::after(state, known, changes.get(&known.name), new, now);
        gone_at(rule, course, tokens, desired.ttl, anchor)
    });
    let added = added.iter().map(|new| {
        let (rule, tokens) = (new.rule_at(anchor), new.level.tokens);
        gone_at(rule, new.course(), tokens, desired.ttl, anchor)
    });
    let gone = known.chain(added).max().unwrap_or(now.div_euclid(1000));
    // The expiry never moves back, because writes that do not change it rely on the one they have
    // seen.
    Some(state.expires_at.map_or(gone, |before| before.max(gone)))
}

/// Returns the time from which a limit counts as unused: epoch seconds. This time is never before
/// the limit is full, even if its debt is deep, because a bucket that expires comes back full.
pub(super) fn gone_at(
    rule: RefillRule,
    course: Option<Course<'_>>,
    tokens: i64,
    ttl: BucketTtl,
    now: i64,
) -> i64 {
    let level = Level {
        tokens,
        remainder: 0,
    };
    let until_full = match course {
        _ if rule.is_quota() => rule.renewed_in().max(0),
        Some(course) => course.full_in(level, now),
        None => rule.wait(level, rule.capacity()).unwrap_or(0),
    };
    let time_to_fill = time_to_fill(rule, course);
    // Spends that do not change the expiry add up to at most one time to fill.
    let full = until_full.saturating_add(time_to_fill);
    seconds_up(now.saturating_add(full.max(idle(time_to_fill, ttl))))
}

/// Returns the time to fill of a limit, ms: the longest of all windows of its schedule.
fn time_to_fill(rule: RefillRule, course: Option<Course<'_>>) -> i64 {
    match course {
        Some(course) if !rule.is_quota() => course.longest_time_to_fill(),
        _ => rule.time_to_fill(),
    }
}

/// Returns the time that a limit may be unused, ms.
fn idle(time_to_fill: i64, ttl: BucketTtl) -> i64 {
    ttl.of(time_to_fill).max(AT_LEAST)
}

/// Converts milliseconds to seconds, rounded up.
fn seconds_up(millis: i64) -> i64 {
    millis
        .div_euclid(1000)
        .saturating_add(i64::from(millis.rem_euclid(1000) > 0))
}
