//! The entries of a schedule that are ever active.

use std::collections::BTreeSet;

use super::{bounds::MOST_ENTRIES, schedule::Schedule};

/// The days in which every date falls on every weekday: 28 years.
const DAYS: i64 = 28 * 365 + 7;

/// A bit for each minute of an hour.
const MINUTES: u64 = (1 << 60) - 1;

/// The entries that are ever active, and the limit's own numbers, if they ever count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReachedEntries(u32);

/// The bit of the limit's own numbers, after those of the entries.
const OWN: usize = MOST_ENTRIES;

impl ReachedEntries {
    /// Returns `true` if the entry with this index is ever active; with `None`, if the limit's own
    /// numbers ever count.
    pub(crate) fn has(self, entry: Option<usize>) -> bool {
        self.0 >> entry.unwrap_or(OWN) & 1 == 1
    }
}

impl Schedule {
    /// Finds the entries that are ever active, by local time. An entry is not if the entries before
    /// it match whenever it does.
    pub(crate) fn reach(&self) -> ReachedEntries {
        let of_day = |day: i64| {
            let entries = self.entries().iter().enumerate();
            let matching = entries.filter(|(_, entry)| entry.cron.matches_day(day));
            matching.fold(0u32, |days, (index, _)| days | 1 << index)
        };
        // Days with the same entries are alike.
        let kinds: BTreeSet<u32> = (0..DAYS).map(of_day).collect();
        let mut reach = 0;
        for (kind, hour) in kinds
            .into_iter()
            .flat_map(|kind| (0..24).map(move |hour| (kind, hour)))
        {
            let mut left = MINUTES;
            for (index, entry) in self.entries().iter().enumerate() {
                if kind >> index & 1 == 1 && entry.cron.hours >> hour & 1 == 1 {
                    reach |= u32::from(left & entry.cron.minutes != 0) << index;
                    left &= !entry.cron.minutes;
                }
            }
            reach |= u32::from(left != 0) << OWN;
        }
        ReachedEntries(reach)
    }
}

#[cfg(all(test, feature = "quotas"))]
mod tests {
    use super::*;
    use crate::model::schedule::ScheduleEntry;

    /// Returns the reach of a schedule with these expressions, and that of the limit's own numbers.
    fn reach(crons: &[&str]) -> (Vec<bool>, bool) {
        let entries = crons.iter().map(|cron| ScheduleEntry::scaled(cron, 0.5));
        let entries: Vec<_> = entries.map(Result::unwrap).collect();
        let reach = Schedule::new(entries, "Europe/Berlin").unwrap().reach();
        let each = (0..crons.len()).map(|index| reach.has(Some(index)));
        (each.collect(), reach.has(None))
    }

    #[test]
    fn an_entry_is_reached_unless_others_come_first_at_all_times() {
        for (crons, entries, own) in [
            (&["* 9-17 * * *"][..], &[true][..], true),
            (&["* * * * *", "* 9-17 * * *"], &[true, false], false),
            (&["* 0-11 * * *", "* 12-23 * * *"], &[true, true], false),
            (&["* 0-11 * * *", "1-59 12-23 * * *"], &[true, true], true),
            (&["*/2 * * * *", "1-59/2 * * * *"], &[true, true], false),
            (&["* * * * 1-5", "* * * * 6,0"], &[true, true], false),
            // Left are the hours of one day in at most 40 years.
            (
                &["* * * 1,3-12 *", "* * 1-28 2 *", "* * */28 2 1-6"],
                &[true, true, true],
                true,
            ),
            (
                &["* * * 1,3-12 *", "* * 1-29 2 *", "* * * 2 *"],
                &[true, true, false],
                false,
            ),
        ] {
            let found = reach(crons);
            assert_eq!((found.0.as_slice(), found.1), (entries, own), "{crons:?}");
        }
    }
}
