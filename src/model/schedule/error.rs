//! Errors for schedules that cannot be built, or cannot be decoded.

use super::bounds::{MOST_BYTES, MOST_ENTRIES, MOST_SCALE};

/// An error for a cron expression, with the place of the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cron `{expression}`, at byte {position}: {problem}")]
#[non_exhaustive]
pub struct InvalidCron {
    /// The refused expression.
    pub expression: Box<str>,
    /// The byte of the expression at which the fault begins.
    pub position: usize,
    /// The fault.
    pub problem: CronProblem,
}

/// A fault in a cron expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronProblem {
    /// There are more or less than five fields. There is no field for seconds.
    #[error("5 fields are needed, not {0}: minute, hour, day of month, month, weekday")]
    Fields(usize),
    /// The expression is too long.
    #[error("an expression has at most {MOST_BYTES} bytes")]
    TooLong,
    /// A number is missing.
    #[error("a number of the {0} is expected")]
    Number(&'static str),
    /// A number is outside its field's range.
    #[error("the {field} is from {first} to {last}")]
    OutOfRange {
        /// The field's name.
        field: &'static str,
        /// The field's least number.
        first: u8,
        /// The field's greatest number.
        last: u8,
    },
    /// A range ends before it begins. Sunday begins a range as 0 and ends one as 7.
    #[error("the range ends before it begins (a range to Sunday ends with 7)")]
    Backwards,
    /// A step is 0.
    #[error("a step is at least 1")]
    ZeroStep,
    /// `L`, `W` and `#` are not supported.
    #[error("{0} is not supported")]
    Unsupported(char),
    /// No month of the expression has its days.
    #[error("none of the months has such a day")]
    NoSuchDay,
}

/// An error for a schedule that is not valid, or that this version cannot evaluate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSchedule {
    /// A cron expression is not valid.
    #[error(transparent)]
    Cron(#[from] InvalidCron),
    /// There is no such time zone. Names are case-sensitive, as they are on Linux.
    #[error("`{0}` is not a time zone of the IANA database (case matters)")]
    Zone(Box<str>),
    /// This build has no time zones.
    #[error("schedules need the feature `quotas` of the crate")]
    Unsupported,
    /// There is no entry, or there are too many.
    #[error("a schedule has 1 to {MOST_ENTRIES} entries, not {0}")]
    Entries(usize),
    /// An entry sets none of the limit's numbers.
    #[error("an entry sets a scale, or at least one of capacity, refill amount and refill period")]
    NothingSet,
    /// An entry has a scale beside other numbers.
    #[error("an entry has a scale, or other numbers, and not both")]
    ScaleAndNumbers,
    /// The scale of an entry is not a number, or out of range.
    #[error("a scale is above 0 and at most {MOST_SCALE}")]
    Scale,
    /// A number of an entry is out of range.
    #[error("a {name} is a whole number from 1 to {most}")]
    Number {
        /// The name of the number, with its unit.
        name: &'static str,
        /// The greatest number that is accepted.
        most: u64,
    },
    /// A reset schedule's expression matches every minute, so it never begins to match.
    #[error("cron `{0}` matches every minute: it never resets")]
    NeverResets(Box<str>),
    /// The stored form of a schedule cannot be decoded.
    #[error("stored schedule `{text}`, at byte {position}: {problem}")]
    Undecodable {
        /// The stored form.
        text: Box<str>,
        /// The byte at which the fault begins.
        position: usize,
        /// The fault.
        problem: CompactProblem,
    },
}

/// A fault in the stored form of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompactProblem {
    /// The form has no version, or one that this version of the crate does not know.
    #[error("the form begins with its version, which is 1")]
    Version,
    /// There is no entry.
    #[error("there is no entry")]
    Empty,
    /// A tag is missing or unknown.
    #[error("a tag is expected")]
    Tag,
    /// An entry has the tag twice.
    #[error("the tag {0} is given twice")]
    Duplicate(char),
    /// A reset schedule has a tag that only schedules of parameters have.
    #[error("a reset has no tag {0}")]
    ResetTag(char),
    /// A tag has no value, or one that it cannot have.
    #[error("the tag {0} has no such value")]
    Value(char),
    /// An entry sets nothing, or a scale beside other numbers.
    #[error("an entry has a scale, or other numbers, and not both")]
    Numbers,
    /// There are too many entries.
    #[error("there are more than {MOST_ENTRIES} entries")]
    TooManyEntries,
    /// A cron field is not valid.
    #[error(transparent)]
    CronField(#[from] CronProblem),
}

/// A fault in an expression, and the byte at which it begins.
pub(super) type Fault = (usize, CronProblem);
