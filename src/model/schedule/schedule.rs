//! A schedule of parameters: which entry is active, and until when.

use super::{
    adjustment::LimitNumbers,
    bounds::MOST_ENTRIES,
    entry::ScheduleEntry,
    error::InvalidSchedule,
    horizon::Unit,
    scan::{first, matches, next_minute},
    zone::Zone,
};

/// The numbers of a limit by the time of day, week or year, in one time zone. The first entry that
/// matches wins. If none does, the limit's own numbers count.
///
/// ```
/// use tollgate::model::{Schedule, ScheduleEntry};
///
/// let office_hours = ScheduleEntry::scaled("* 9-17 * * MON-FRI", 0.5)?;
/// let schedule = Schedule::new([office_hours], "Europe/Berlin")?;
/// // Friday, 2026-11-27, 17:30 in Berlin.
/// assert_eq!(schedule.next_boundary(1_795_797_000_000), 1_795_798_800_000);
/// # Ok::<(), tollgate::model::InvalidSchedule>(())
/// ```
///
/// Times are epoch milliseconds. Local times that a change of the clocks skips do not match. Those
/// that it repeats match twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    entries: Box<[ScheduleEntry]>,
    zone: Zone,
}

impl Schedule {
    /// The maximum number of entries.
    pub const MOST_ENTRIES: usize = MOST_ENTRIES;

    /// Checks that there are 1 to 16 entries, and that the zone is in the IANA database.
    ///
    /// # Errors
    /// [`InvalidSchedule::Entries`], [`InvalidSchedule::Zone`], and [`InvalidSchedule::Unsupported`]
    /// without the feature `quotas`.
    pub fn new(
        entries: impl IntoIterator<Item = ScheduleEntry>,
        zone: &str,
    ) -> Result<Self, InvalidSchedule> {
        let entries: Box<[ScheduleEntry]> = entries.into_iter().take(MOST_ENTRIES + 1).collect();
        if !(1..=MOST_ENTRIES).contains(&entries.len()) {
            return Err(InvalidSchedule::Entries(entries.len()));
        }
        let zone = Zone::new(zone)?;
        Ok(Self { entries, zone })
    }

    /// Returns the schedule of `parts` of `of` parts of the limit, of which the refill period is
    /// longer and the refill amount is the same.
    pub(crate) fn part(&self, parts: u32, of: u32) -> Self {
        let part = |entry: &ScheduleEntry| ScheduleEntry {
            cron: entry.cron.clone(),
            adjustment: entry.adjustment.part(parts.into(), of.into()),
        };
        Self {
            entries: self.entries.iter().map(part).collect(),
            zone: self.zone.clone(),
        }
    }

    /// Returns the entries, of which the first that matches wins.
    pub fn entries(&self) -> &[ScheduleEntry] {
        &self.entries
    }

    /// Returns the name of the time zone.
    pub fn zone(&self) -> &str {
        self.zone.name()
    }

    /// Returns the index of the entry that is active at `now`.
    pub fn active(&self, now: i64) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|entry| matches(&entry.cron, &self.zone, now))
    }

    /// Returns the limit's numbers at `now`.
    pub fn parameters_at(&self, base: LimitNumbers, now: i64) -> LimitNumbers {
        let active = self.active(now).and_then(|index| self.entries.get(index));
        active.map_or(base, |entry| entry.apply(base))
    }

    /// Returns the time up to which the numbers of `now` hold: the first minute after `now` at which
    /// another entry is active. It is at most 7 days after `now` if an entry restricts the minute,
    /// else 31 days if one restricts the hour, else 366 days.
    pub fn next_boundary(&self, now: i64) -> i64 {
        let finest = self.entries.iter().map(|entry| Unit::of(&entry.cron)).min();
        let mut end = now.saturating_add(finest.unwrap_or(Unit::Minute).horizon());
        let active = self.active(now);
        for (index, entry) in self.entries.iter().enumerate() {
            let is_active = active == Some(index);
            // The active one ends, or one before it begins.
            let change = first(&entry.cron, &self.zone, !is_active, next_minute(now), end);
            end = change.unwrap_or(end);
            if is_active {
                break;
            }
        }
        end
    }
}
