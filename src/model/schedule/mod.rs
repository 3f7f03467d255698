//! Schedules by cron expressions: the numbers of limits by the time, and the resets of quotas.
//!
//! | file | idea |
//! |---|---|
//! | `field`, `parse`, `cron` | what an expression matches, in local time |
//! | `search` | the next and the last minute that it matches, in local time |
//! | `zone`, `scan` | the same in a time zone |
//! | `horizon` | how far is looked |
//! | `adjustment`, `entry`, `schedule` | the numbers of a limit, and the time up to which they hold |
//! | `reach` | the entries that are ever active |
//! | `reset` | the edges at which a quota is full again |
//! | `compact`, `decode` | the stored form |
//!
//! Without the feature `quotas` no schedule can be built or decoded, because there are no time
//! zones.

mod adjustment;
mod bounds;
mod compact;
mod cron;
mod decode;
mod entry;
mod error;
mod field;
mod horizon;
mod parse;
mod reach;
mod reset;
mod scan;
#[allow(clippy::module_inception)]
mod schedule;
mod search;
mod zone;

pub use adjustment::LimitNumbers;
pub use entry::ScheduleEntry;
pub use error::{CompactProblem, CronProblem, InvalidCron, InvalidSchedule};
pub(crate) use reach::ReachedEntries;
pub use reset::ResetSchedule;
pub use schedule::Schedule;

#[cfg(all(test, feature = "quotas"))]
mod tests;
