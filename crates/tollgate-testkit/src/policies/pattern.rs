//! Texts with wildcards and variables.

use super::call::Call;

const VARIABLE: &str = "${";
const PRINCIPAL_TAG: &str = "aws:PrincipalTag/";

/// A part of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Any,
    One,
    Exactly(char),
}

/// Returns true if `text` matches `pattern`: `*` stands for any text, `?` for one character. The value
/// of a variable stands for itself, also if it has wildcards. A pattern with the variable of a tag
/// that the caller does not have matches nothing.
pub(super) fn matches(pattern: &str, text: &str, call: &Call) -> bool {
    let text: Vec<char> = text.chars().collect();
    parts(pattern, call).is_some_and(|parts| fits(&parts, &text))
}

/// Returns true if the variables of the pattern are known.
pub(super) fn is_known(pattern: &str) -> bool {
    let mut rest = pattern;
    while let Some((_, after)) = rest.split_once(VARIABLE) {
        match after.split_once('}') {
            Some((name, after)) if name.starts_with(PRINCIPAL_TAG) => rest = after,
            _ => return false,
        }
    }
    true
}

fn parts(pattern: &str, call: &Call) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once(VARIABLE) {
        let (name, after) = after.split_once('}')?;
        let value = call.principal_tags.get(name.strip_prefix(PRINCIPAL_TAG)?)?;
        parts.extend(before.chars().map(wildcard));
        parts.extend(value.chars().map(Part::Exactly));
        rest = after;
    }
    parts.extend(rest.chars().map(wildcard));
    Some(parts)
}

fn wildcard(character: char) -> Part {
    match character {
        '*' => Part::Any,
        '?' => Part::One,
        other => Part::Exactly(other),
    }
}

fn fits(parts: &[Part], text: &[char]) -> bool {
    match (parts.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some((Part::Any, rest)), _) => {
            fits(rest, text)
                || text
                    .split_first()
                    .is_some_and(|(_, text)| fits(parts, text))
        }
        (Some((Part::One, rest)), Some((_, text))) => fits(rest, text),
        (Some((Part::Exactly(wanted), rest)), Some((found, text))) => {
            wanted == found && fits(rest, text)
        }
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Call {
        Call::new("a:B", "r").principal_tag("ns", "x*y")
    }

    #[test]
    fn wildcards_stand_for_other_text_and_variables_for_themselves() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*/BUCKET#*", "ns/BUCKET#u#api#0", true),
            ("*/BUCKET#*", "ns/BUCKET", false),
            ("${aws:PrincipalTag/ns}/*", "x*y/1", true),
            ("${aws:PrincipalTag/ns}/*", "xzy/1", false),
            ("${aws:PrincipalTag/other}/*", "/1", false),
        ] {
            assert_eq!(
                matches(pattern, text, &call()),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn only_variables_of_principal_tags_are_known() {
        for (pattern, expected) in [
            ("a", true),
            ("${aws:PrincipalTag/ns}/${aws:PrincipalTag/other}", true),
            ("${aws:username}", false),
            ("${aws:PrincipalTag/ns", false),
        ] {
            assert_eq!(is_known(pattern), expected, "{pattern}");
        }
    }
}
