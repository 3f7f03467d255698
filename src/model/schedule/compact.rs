//! The stored form of schedules: a version, then entries with a tag before each number or field.
//!
//! `0 0 * * *` is `1m0h0`, and `* 9-17 * * MON-FRI` with the scale 0.5 is `1h9-17w1-5s500`. Entries
//! are separated by `;`, and fields that are `*` are left out. All entries of an item have the same
//! time zone, which is stored beside them.

use super::{adjustment::Adjustment, cron::Cron, reset::ResetSchedule, schedule::Schedule};

pub(super) const VERSION: usize = 1;

/// The tags of the fields: minute, hour, day of month, month, weekday.
pub(super) const FIELDS: [char; 5] = ['m', 'h', 'D', 'M', 'w'];
/// The tags of the numbers: scale in thousandths, capacity, refill amount, refill period.
pub(super) const NUMBERS: [char; 4] = ['s', 'c', 'a', 'p'];

impl Schedule {
    /// Returns the form in which the Python client stores the schedule. The zone is stored beside
    /// it.
    pub fn encode(&self) -> String {
        let entries = self.entries().iter().map(|entry| {
            let mut out = fields(&entry.cron);
            let numbers = match entry.adjustment {
                Adjustment::Scale(scale) => [Some(scale), None, None, None],
                Adjustment::Replace {
                    capacity,
                    refill_amount,
                    refill_period,
                } => [None, capacity, refill_amount, refill_period],
            };
            for (tag, number) in NUMBERS.into_iter().zip(numbers) {
                if let Some(number) = number {
                    out.push_str(&format!("{tag}{number}"));
                }
            }
            out
        });
        joined(entries)
    }
}

impl ResetSchedule {
    /// Returns the form in which the Python client stores the schedule. The zone is stored beside
    /// it.
    pub fn encode(&self) -> String {
        joined(self.crons.iter().map(fields))
    }
}

fn joined(entries: impl Iterator<Item = String>) -> String {
    format!("{VERSION}{}", entries.collect::<Vec<_>>().join(";"))
}

/// Returns the fields of an expression with their tags.
fn fields(cron: &Cron) -> String {
    let fields = FIELDS.into_iter().zip(cron.as_str().split(' '));
    let restricted = fields.filter(|(_, field)| *field != "*");
    restricted
        .map(|(tag, field)| format!("{tag}{field}"))
        .collect()
}
