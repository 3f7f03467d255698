//! The next and the last minute of local time that an expression matches, or does not match.
//!
//! Local time is a line of minutes since the epoch here. Days are skipped as a whole, so a year
//! takes a few hundred steps.

use super::cron::Cron;

const DAY: i64 = 1440;
const HOUR: i64 = 60;
/// A bit for each minute of an hour.
const ALL: u64 = (1 << 60) - 1;

impl Cron {
    /// Returns the first minute from `from` to `to` that matches, or does not, as `wanted`.
    pub(super) fn first(&self, wanted: bool, from: i64, to: i64) -> Option<i64> {
        let mut minute = from;
        while minute <= to {
            let day = minute.div_euclid(DAY);
            if let Some(found) = self.first_of_day(wanted, day, minute.rem_euclid(DAY)) {
                return Some(day * DAY + found).filter(|found| *found <= to);
            }
            minute = (day + 1) * DAY;
        }
        None
    }

    /// Returns the last minute from `to` back to `from` that matches, or does not, as `wanted`.
    pub(super) fn last(&self, wanted: bool, from: i64, to: i64) -> Option<i64> {
        let mut minute = to;
        while minute >= from {
            let day = minute.div_euclid(DAY);
            if let Some(found) = self.last_of_day(wanted, day, minute.rem_euclid(DAY)) {
                return Some(day * DAY + found).filter(|found| *found >= from);
            }
            minute = day * DAY - 1;
        }
        None
    }

    fn first_of_day(&self, wanted: bool, day: i64, from: i64) -> Option<i64> {
        if !self.matches_day(day) {
            return (!wanted).then_some(from);
        }
        (from / HOUR..24).find_map(|hour| {
            let earliest = (from - hour * HOUR).max(0);
            let set = self.of_hour(wanted, hour) >> earliest << earliest;
            (set != 0).then(|| hour * HOUR + i64::from(set.trailing_zeros()))
        })
    }

    fn last_of_day(&self, wanted: bool, day: i64, to: i64) -> Option<i64> {
        if !self.matches_day(day) {
            return (!wanted).then_some(to);
        }
        (0..=to / HOUR).rev().find_map(|hour| {
            let latest = (to - hour * HOUR).min(HOUR - 1);
            let set = self.of_hour(wanted, hour) & (u64::MAX >> (63 - latest));
            set.checked_ilog2()
                .map(|minute| hour * HOUR + i64::from(minute))
        })
    }

    /// Returns a bit for each minute of the hour that matches, or does not, as `wanted`.
    fn of_hour(&self, wanted: bool, hour: i64) -> u64 {
        let matching = if self.hours >> hour & 1 == 1 {
            self.minutes
        } else {
            0
        };
        if wanted { matching } else { !matching & ALL }
    }
}
