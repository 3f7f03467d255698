//! Checks of single options.

use super::{
    arn::Arn,
    error::InvalidOption,
    ranges::{LOG_RETENTION_DAYS, Range},
};
use crate::names::{StackFunction, is_iam_name};

/// The number of characters of the longest name that Lambda allows.
const LONGEST_FUNCTION: usize = 64;

pub(super) fn number(option: &'static str, value: u32, range: Range) -> Result<(), InvalidOption> {
    if range.contains(value) {
        return Ok(());
    }
    Err(InvalidOption::OutOfRange {
        option,
        value,
        lowest: range.lowest,
        highest: range.highest,
    })
}

pub(super) fn log_retention(value: u32) -> Result<(), InvalidOption> {
    if LOG_RETENTION_DAYS.contains(&value) {
        return Ok(());
    }
    Err(InvalidOption::LogRetention { value })
}

/// Checks that Lambda allows the name of a function.
pub(super) fn function_name(function: StackFunction, stack: &str) -> Result<(), InvalidOption> {
    let longest_stack = LONGEST_FUNCTION - function.component().len() - "-".len();
    if stack.len() <= longest_stack {
        return Ok(());
    }
    Err(InvalidOption::FunctionNameTooLong {
        stack: stack.to_owned(),
        function: function.component(),
        longest_stack,
    })
}

/// Checks an ARN or another text that has a form, if it is given.
pub(super) fn text(
    option: &'static str,
    value: Option<&str>,
    is_right: impl Fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), InvalidOption> {
    match value {
        Some(value) if !is_right(value) => Err(InvalidOption::Malformed {
            option,
            value: value.to_owned(),
            expected,
        }),
        _ => Ok(()),
    }
}

pub(super) fn is_topic(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.is_topic())
}

pub(super) fn is_role(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.is_role())
}

/// Returns true if the text is the ARN of a managed policy, or the name of one, with its path.
pub(super) fn is_boundary(text: &str) -> bool {
    if is_arn(text) {
        return Arn::parse(text).is_some_and(|arn| arn.is_policy());
    }
    let mut names = text.split('/');
    names.all(|name| !name.is_empty() && is_iam_name(name))
}

pub(super) fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// Returns true if S3 may have a bucket of this name.
pub(super) fn is_bucket(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    (3..=63).contains(&text.len()) && text.bytes().all(allowed)
}

pub(super) fn is_key(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && !text.chars().any(char::is_control)
}
