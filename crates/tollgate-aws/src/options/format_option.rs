//! Checks of name formats.

use super::error::InvalidOption;
use crate::names::{FormatProblem, NameFormat, NameKind};

/// Reads the format of an option. Fails if it makes a name that is too long for IAM.
pub(super) fn name_format(
    option: &'static str,
    text: &str,
    kind: NameKind,
    stack: &str,
) -> Result<NameFormat, InvalidOption> {
    let format = NameFormat::parse(text, kind).map_err(|problem| InvalidOption::Malformed {
        option,
        value: text.to_owned(),
        expected: expected(problem, kind),
    })?;
    let longest_stack = format.longest_stack();
    if stack.len() <= longest_stack {
        return Ok(format);
    }
    Err(InvalidOption::NameTooLong {
        option,
        format: text.to_owned(),
        name: format.longest_name(stack),
        longest: kind.longest_name(),
        longest_stack,
    })
}

fn expected(problem: FormatProblem, kind: NameKind) -> &'static str {
    match (problem, kind) {
        (FormatProblem::Placeholders, _) => "contain {} once, for the stack's name",
        (FormatProblem::Character, _) => "have only letters, digits and _+=,.@- around the {}",
        (FormatProblem::TooLong, NameKind::Role) => "have at most 55 characters",
        (FormatProblem::TooLong, NameKind::Policy) => "have at most 120 characters",
    }
}
