//! When an expression matches in a time zone. Times are epoch milliseconds, at whole minutes.
//!
//! Between two transitions of the zone, local time is a line parallel to UTC: each such span is
//! searched on its own. So a minute that a gap skips does not match, and one that a fold repeats
//! matches twice.

use super::{cron::Cron, zone::Zone};

pub(super) const MINUTE: i64 = 60_000;

/// Returns the beginning of the minute.
pub(super) fn minute(at: i64) -> i64 {
    at.div_euclid(MINUTE).saturating_mul(MINUTE)
}

/// Returns the beginning of the next minute.
pub(super) fn next_minute(at: i64) -> i64 {
    minute(at).saturating_add(MINUTE)
}

/// Returns the time itself if a minute begins at it, else the beginning of the next minute.
pub(super) fn minute_from(at: i64) -> i64 {
    next_minute(at.saturating_sub(1))
}

/// Returns `true` if the expression matches at the time, which need not be a whole minute.
pub(super) fn matches(cron: &Cron, zone: &Zone, at: i64) -> bool {
    cron.matches(local(at, zone.offset(at)))
}

/// Returns the first minute from `from` to `to` that matches, or does not, as `wanted`.
pub(super) fn first(cron: &Cron, zone: &Zone, wanted: bool, from: i64, to: i64) -> Option<i64> {
    let mut from = from;
    while from <= to {
        let end = minute_from(zone.next_transition(from));
        let last = minute(to).min(end.saturating_sub(MINUTE));
        let offset = zone.offset(from);
        let line = local(from, offset);
        if let Some(found) = cron.first(wanted, line, local(last, offset)) {
            return Some(from + (found - line) * MINUTE);
        }
        if end == i64::MAX {
            return None;
        }
        from = end;
    }
    None
}

/// Returns the last minute from `to` back to `from` that matches, or does not, as `wanted`.
pub(super) fn last(cron: &Cron, zone: &Zone, wanted: bool, from: i64, to: i64) -> Option<i64> {
    let (from, mut to) = (minute_from(from), to);
    while to >= from {
        let start = minute_from(zone.last_transition(to)).max(from);
        let offset = zone.offset(to);
        let line = local(to, offset);
        if let Some(found) = cron.last(wanted, local(start, offset), line) {
            return Some(to + (found - line) * MINUTE);
        }
        if start == from {
            return None;
        }
        to = start.saturating_sub(MINUTE);
    }
    None
}

/// Returns the minute of local time, in minutes since the epoch.
fn local(at: i64, offset: i64) -> i64 {
    at.saturating_add(offset).div_euclid(MINUTE)
}
