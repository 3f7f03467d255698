//! The distance within which schedules look ahead and back for a match. These are the rules of the
//! Python client, so that both clients see an edge at the same time.

use super::{
    cron::Cron,
    scan::{MINUTE, minute_from},
    zone::Zone,
};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const MONTH: i64 = 31 * DAY;
const YEAR: i64 = 366 * DAY;

/// The finest part of a calendar in which expressions choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
}

impl Unit {
    pub(super) fn of(cron: &Cron) -> Self {
        match cron.counts() {
            [minutes, ..] if minutes < 60 => Self::Minute,
            [_, hours, ..] if hours < 24 => Self::Hour,
            _ => Self::Day,
        }
    }

    /// Returns the longest time after which the parameters are looked at again, milliseconds.
    pub(super) fn horizon(self) -> i64 {
        match self {
            Self::Minute => WEEK,
            Self::Hour => MONTH,
            Self::Day => YEAR,
        }
    }

    /// Returns the first beginning of this unit of local time from `at` on.
    pub(super) fn begins_from(self, zone: &Zone, at: i64) -> i64 {
        let length = match self {
            Self::Minute => return minute_from(at),
            Self::Hour => HOUR,
            Self::Day => DAY,
        };
        let local = at.saturating_add(zone.offset(at));
        at.saturating_add(local.saturating_neg().rem_euclid(length))
    }
}

/// Returns the time after which an expression begins to match again, milliseconds: rounded up, but
/// a year for one that skips years.
pub(super) fn cycle(cron: &Cron) -> i64 {
    match cron.counts() {
        [.., months, _] if months < 12 => YEAR,
        [_, _, days, ..] if days < 31 => MONTH,
        [.., weekdays] if weekdays < 7 => WEEK,
        [_, hours, ..] if hours < 24 => DAY,
        [minutes, ..] if minutes < 60 => HOUR,
        _ => MINUTE,
    }
}

/// Returns how far from now the edges of a reset are seen, milliseconds.
pub(super) fn reset_horizon(cron: &Cron) -> i64 {
    Unit::of(cron).horizon().max(cycle(cron))
}
