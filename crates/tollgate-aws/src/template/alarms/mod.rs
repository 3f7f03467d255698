//! The alarms. All of them notify the topic.

mod alarm;
mod functions;
mod metric;
mod table;

use super::section::Resource;

pub(super) use alarm::AlarmId;

/// Returns the alarms, and the filter that counts failures of the archive.
pub(super) fn alarms() -> Vec<Resource> {
    let mut all = table::alarms();
    all.extend(functions::alarms());
    all.push(functions::archive_failures());
    all
}
