//! The tags of a stack.

use std::collections::{BTreeMap, BTreeSet};

use super::{code_key, error::InvalidOption};
use crate::version;

/// The highest number of tags of a CloudFormation stack.
const MOST_TAGS: usize = 50;

/// The key of the tag by which stacks are found. Its value is the one that the Python CLI looks for.
pub(crate) const MANAGED_BY: &str = "ManagedBy";

/// The beginning of the other managed keys.
pub(crate) const TAG_PREFIX: &str = "zae-limiter:";

/// The number of managed tags, with that of an unfinished stack.
const MANAGED: usize = 7;

/// The keys of tags that the template gives the roles of services.
const OF_ROLES: [&str; 2] = ["Application", "Role"];

/// Checks the tags of the user, for a stack with or without roles for services.
pub(super) fn check(
    tags: &BTreeMap<String, String>,
    has_access_roles: bool,
) -> Result<(), InvalidOption> {
    let of_roles = if has_access_roles { OF_ROLES.len() } else { 0 };
    let highest = MOST_TAGS - MANAGED - of_roles;
    if tags.len() > highest {
        let count = tags.len();
        return Err(InvalidOption::TooManyTags { count, highest });
    }
    let mut known = BTreeSet::new();
    for (key, value) in tags {
        let is_of_roles =
            has_access_roles && OF_ROLES.iter().any(|own| key.eq_ignore_ascii_case(own));
        let problem = match problem(key, value) {
            None if is_of_roles => Some("is one of the stack's roles"),
            // IAM compares the keys of a role's tags without their case.
            None if !known.insert(key.to_lowercase()) => {
                Some("differs from another one only in its case, which IAM refuses")
            }
            problem => problem,
        };
        if let Some(problem) = problem {
            return Err(InvalidOption::Tag {
                key: key.clone(),
                problem,
            });
        }
    }
    Ok(())
}

fn problem(key: &str, value: &str) -> Option<&'static str> {
    let begins = |prefix: &str| {
        let start = key.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if !(1..=128).contains(&key.chars().count()) {
        Some("must have 1 to 128 characters")
    } else if begins("aws:") {
        Some("begins with aws:, which AWS keeps for itself")
    } else if !key.chars().all(is_allowed) {
        Some("has a character that AWS refuses: letters, digits, spaces and _.:/=+-@ are allowed")
    } else if key.eq_ignore_ascii_case(MANAGED_BY) || begins(TAG_PREFIX) {
        Some("is one of the stack's own")
    } else if value.chars().count() > 256 {
        Some("has a value of more than 256 characters")
    } else if !value.chars().all(is_allowed) {
        Some(
            "has a value with a character that AWS refuses: letters, digits, spaces and _.:/=+-@ are allowed",
        )
    } else {
        None
    }
}

/// Returns true if IAM allows the character in a tag.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "_.:/=+-@".contains(character)
}

/// Returns the tags of a stack without its own.
pub(super) fn of_user(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_own = |key: &str| key == MANAGED_BY || key.starts_with(TAG_PREFIX);
    let tags = tags.iter().filter(|(key, _)| !is_own(key));
    tags.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Returns all tags of a stack: its own, by which tools find it, and those of the user. `code` is the
/// key of its functions' code, if it has functions.
pub(super) fn all(
    stack: &str,
    code: Option<&str>,
    user: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let mut tags = vec![
        (MANAGED_BY.to_owned(), "zae-limiter".to_owned()),
        (format!("{TAG_PREFIX}name"), stack.to_owned()),
        (format!("{TAG_PREFIX}type"), "limiter".to_owned()),
        (format!("{TAG_PREFIX}version"), version::equivalent()),
        (
            format!("{TAG_PREFIX}schema-version"),
            version::SCHEMA.to_owned(),
        ),
    ];
    if let Some(key) = code {
        let version = version::equivalent_of(code_key::version_of(key));
        tags.push((format!("{TAG_PREFIX}lambda-version"), version));
    }
    debug_assert!(tags.len() < MANAGED);
    let user = user.iter().map(|(key, value)| (key.clone(), value.clone()));
    tags.extend(user);
    tags
}
