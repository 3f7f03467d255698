//! The reset schedule of a calendar quota: the times at which its periods begin.

use super::{
    bounds::MOST_ENTRIES,
    cron::Cron,
    error::InvalidSchedule,
    horizon::{Unit, cycle, reset_horizon},
    scan::{MINUTE, first, last, matches, minute, minute_from, next_minute},
    zone::Zone,
};

/// The times at which a quota is full again: the edges of cron expressions in a time zone.
///
/// An edge is a minute at which an expression begins to match, after a minute that it did not match.
/// So `0 0 1 * *` and `* * 1 * *` both reset when a month begins.
///
/// ```
/// use tollgate::model::ResetSchedule;
///
/// let monthly = ResetSchedule::new(["0 0 1 * *"], "Europe/Berlin")?;
/// // 2026-11-29, 00:00 UTC. December begins in Berlin at 23:00 UTC.
/// assert_eq!(monthly.next_edge(1_795_910_400_000), Some(1_796_079_600_000));
/// # Ok::<(), tollgate::model::InvalidSchedule>(())
/// ```
///
/// Times are epoch milliseconds. Local times that a change of the clocks skips are no edges, and
/// those that it repeats are two.
///
/// An edge is seen from at most the expression's cycle away: a week, 31 days or 366 days, but at
/// least 7 days. These are the rules of the Python client. Both clients must apply the same edges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResetSchedule {
    pub(super) crons: Box<[Cron]>,
    zone: Zone,
}

impl ResetSchedule {
    /// Parses 1 to 16 expressions. Each one's edges are edges of the schedule.
    ///
    /// # Errors
    /// [`InvalidSchedule::Cron`], [`InvalidSchedule::NeverResets`] if an expression matches every
    /// minute, [`InvalidSchedule::Entries`], [`InvalidSchedule::Zone`], and
    /// [`InvalidSchedule::Unsupported`] without the feature `quotas`.
    pub fn new<'a>(
        crons: impl IntoIterator<Item = &'a str>,
        zone: &str,
    ) -> Result<Self, InvalidSchedule> {
        let parsed = crons.into_iter().take(MOST_ENTRIES + 1).map(|expression| {
            let cron = Cron::parse(expression)?;
            if cron.counts() == [60, 24, 31, 12, 7] {
                return Err(InvalidSchedule::NeverResets(expression.into()));
            }
            Ok(cron)
        });
        Self::of_crons(parsed.collect::<Result<_, _>>()?, zone)
    }

    pub(super) fn of_crons(crons: Box<[Cron]>, zone: &str) -> Result<Self, InvalidSchedule> {
        if !(1..=MOST_ENTRIES).contains(&crons.len()) {
            return Err(InvalidSchedule::Entries(crons.len()));
        }
        let zone = Zone::new(zone)?;
        Ok(Self { crons, zone })
    }

    /// Returns the cron expressions, with numbers in place of names.
    pub fn crons(&self) -> impl Iterator<Item = &str> {
        self.crons.iter().map(Cron::as_str)
    }

    /// Returns the name of the time zone.
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// Returns the first edge after `now`. `None` if no expression has one within its cycle.
    pub fn next_edge(&self, now: i64) -> Option<i64> {
        self.crons
            .iter()
            .filter_map(|cron| next(cron, &self.zone, now))
            .min()
    }

    /// Returns the last edge up to `now`. `None` if no expression has one within its cycle.
    ///
    /// A bucket that was last refilled at `rf` owes a reset at `now` if this is after `rf`.
    pub fn previous_edge(&self, now: i64) -> Option<i64> {
        self.crons
            .iter()
            .filter_map(|cron| previous(cron, &self.zone, now))
            .max()
    }

    /// Returns the time up to which no edge needs to be looked for: the first edge after `now`, but
    /// at most one cycle of each expression.
    pub fn next_boundary(&self, now: i64) -> i64 {
        let boundaries = self.crons.iter().map(|cron| {
            let horizon = now.saturating_add(reset_horizon(cron));
            next(cron, &self.zone, now).unwrap_or(horizon)
        });
        boundaries.min().unwrap_or(i64::MAX)
    }

    /// Returns the shortest cycle of the expressions, milliseconds: a minute, an hour, a day, a
    /// week, 31 days or 366 days, by the coarsest field that is restricted.
    pub fn shortest_cycle(&self) -> i64 {
        self.crons.iter().map(cycle).min().unwrap_or(i64::MAX)
    }
}

fn next(cron: &Cron, zone: &Zone, now: i64) -> Option<i64> {
    let end = now.saturating_add(reset_horizon(cron));
    let start = next_minute(now);
    let start = if matches(cron, zone, now) {
        first(cron, zone, false, start, end)?
    } else {
        start
    };
    first(cron, zone, true, start, end)
}

fn previous(cron: &Cron, zone: &Zone, now: i64) -> Option<i64> {
    let floor = minute_from(now.saturating_sub(reset_horizon(cron)));
    let on = last(cron, zone, true, floor, minute(now))?;
    let before = on.saturating_sub(MINUTE);
    // The Python client looks at whole units, the first of which begins after the horizon. It looks
    // at the minute before the last match by itself.
    let unit = Unit::of(cron).begins_from(zone, floor);
    let floor = if matches(cron, zone, before) {
        unit
    } else {
        floor
    };
    let off = last(cron, zone, false, floor, before)?;
    Some(off.saturating_add(MINUTE))
}
