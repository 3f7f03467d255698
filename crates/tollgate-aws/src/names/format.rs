//! Formats of names: company rules for the names of roles and policies.

use super::{StackPolicy, StackRole};

/// The text that stands for the stack's own name.
const PLACEHOLDER: &str = "{}";

/// A format of names: a text with one `{}`, which stands for `{stack}-{component}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameFormat {
    before: String,
    after: String,
    kind: NameKind,
}

/// The kind of names that a format makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    Role,
    Policy,
}

/// The reason why a format is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatProblem {
    Placeholders,
    Character,
    TooLong,
}

impl NameKind {
    /// Returns the length of the longest name that IAM allows.
    pub(crate) fn longest_name(self) -> usize {
        match self {
            Self::Role => 64,
            Self::Policy => 128,
        }
    }

    fn longest_component(self) -> &'static str {
        let longest = |components: &[&'static str]| {
            let longest = components.iter().max_by_key(|component| component.len());
            longest.copied().unwrap_or_default()
        };
        match self {
            Self::Role => longest(&StackRole::ALL.map(StackRole::component)),
            Self::Policy => longest(&StackPolicy::ALL.map(StackPolicy::component)),
        }
    }

    /// Returns the length of the longest format: IAM's limit, less a dash and eight characters.
    pub(crate) fn longest_format(self) -> usize {
        match self {
            Self::Role => 55,
            Self::Policy => 120,
        }
    }
}

impl NameFormat {
    pub(crate) fn parse(text: &str, kind: NameKind) -> Result<Self, FormatProblem> {
        let (before, after) = text
            .split_once(PLACEHOLDER)
            .ok_or(FormatProblem::Placeholders)?;
        if after.contains(PLACEHOLDER) {
            return Err(FormatProblem::Placeholders);
        }
        if ![before, after].into_iter().all(is_iam_name) {
            return Err(FormatProblem::Character);
        }
        if text.len() > kind.longest_format() {
            return Err(FormatProblem::TooLong);
        }
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            kind,
        })
    }

    /// Returns the length of the longest stack name with which every name is short enough.
    pub(crate) fn longest_stack(&self) -> usize {
        let around = self.before.len() + self.after.len();
        let rest = 1 + self.kind.longest_component().len();
        self.kind.longest_name().saturating_sub(around + rest)
    }

    /// Returns the longest name of a part of the stack.
    pub(crate) fn longest_name(&self, stack: &str) -> String {
        self.apply(stack, self.kind.longest_component())
    }

    /// Returns the name of a part of the stack.
    pub(crate) fn apply(&self, stack: &str, component: &str) -> String {
        format!("{}{stack}-{component}{}", self.before, self.after)
    }
}

/// Returns true if IAM allows all characters in the name of a role or of a policy.
pub(crate) fn is_iam_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    text.bytes().all(allowed)
}
