//! Errors of options.

use super::ranges::LOG_RETENTION_DAYS;

/// The reason why options are refused. The text names the option, its value, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidOption {
    /// A number is out of its range.
    #[error("{option} is {value}: it must be between {lowest} and {highest}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Its value.
        value: u32,
        /// The lowest value.
        lowest: u32,
        /// The highest value.
        highest: u32,
    },
    /// CloudWatch cannot keep logs for this number of days.
    #[error(
        "log_retention_days is {value}: CloudWatch knows only {}",
        LOG_RETENTION_DAYS.map(|days| days.to_string()).join(", ")
    )]
    LogRetention {
        /// The number of days.
        value: u32,
    },
    /// The aggregator would count nothing.
    #[error(
        "snapshot_windows is empty: name one of hourly, daily and monthly, or switch the aggregator off"
    )]
    NoWindow,
    /// A text has a wrong form.
    #[error("{option} is {value:?}: it must {expected}")]
    Malformed {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// A sentence after "it must".
        expected: &'static str,
    },
    /// A format makes names that IAM refuses.
    #[error(
        "{option} is {format:?}: it makes the name {name:?} of {} characters, and IAM allows {longest}; with this format the stack's name may have {longest_stack} characters, or take a shorter format",
        name.len()
    )]
    NameTooLong {
        /// The option.
        option: &'static str,
        /// The format.
        format: String,
        /// The longest name that it makes.
        name: String,
        /// The length of the longest name that IAM allows.
        longest: usize,
        /// The length of the longest stack name with this format.
        longest_stack: usize,
    },
    /// The stack's name is too short for a table.
    #[error("the stack name {stack} is too short: a table's name has at least 3 characters")]
    StackTooShort {
        /// The stack.
        stack: String,
    },
    /// The stack's name is too long for the name of a function.
    #[error(
        "the stack name {stack} is too long for the function {function}: with it the name may have {longest_stack} \
         characters; take a shorter one, or switch the function off"
    )]
    FunctionNameTooLong {
        /// The stack.
        stack: String,
        /// The end of the function's name.
        function: &'static str,
        /// The length of the longest stack name with this function.
        longest_stack: usize,
    },
    /// Roles are asked for, and IAM resources are refused.
    #[error("create_iam_roles needs create_iam: switch create_iam on, or create_iam_roles off")]
    RolesWithoutIam,
    /// Archived events would be deleted before they are moved.
    #[error(
        "audit_archive_expiration_days is {expiration}: it must be more than audit_archive_glacier_days, which is {transition}"
    )]
    ArchiveExpiresFirst {
        /// The days until archived events are deleted.
        expiration: u32,
        /// The days until they are moved to a cheaper storage class.
        transition: u32,
    },
    /// There are more tags than CloudFormation allows beside those of the stack itself.
    #[error("tags: there are {count}, and at most {highest} are allowed")]
    TooManyTags {
        /// The number of tags.
        count: usize,
        /// The highest number.
        highest: usize,
    },
    /// A tag is refused.
    #[error("tags: the key {key:?} {problem}")]
    Tag {
        /// The tag's key.
        key: String,
        /// The end of a sentence about the key.
        problem: &'static str,
    },
}
