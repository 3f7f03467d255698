//! Reads `#[cfg(…)]`: decides if an item is part of the library, and which features it needs.

use quote::ToTokens;
use syn::{Attribute, Meta, Token, punctuated::Punctuated};

/// Returns true if a predicate of these attributes excludes the item from a build of the library,
/// because it asks for `test`, `doc`, `doctest` or `docsrs`.
pub(crate) fn is_excluded(attributes: &[Attribute]) -> bool {
    predicates(attributes).any(|predicate| value(&predicate) == Some(false))
}

/// Returns the predicates of these attributes as text, `feature "axum"` for `#[cfg(feature =
/// "axum")]`.
pub(crate) fn gates(attributes: &[Attribute]) -> Vec<String> {
    predicates(attributes)
        .map(|predicate| text(&predicate))
        .collect()
}

fn predicates(attributes: &[Attribute]) -> impl Iterator<Item = Meta> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .filter_map(|attribute| attribute.parse_args().ok())
}

fn operands(predicate: &Meta) -> Vec<Meta> {
    let Meta::List(list) = predicate else {
        return Vec::new();
    };
    let operands = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    operands
        .map(|operands| operands.into_iter().collect())
        .unwrap_or_default()
}

/// Returns the value of the predicate if it is the same in every build of the library. None if it
/// depends on features or on the platform.
fn value(predicate: &Meta) -> Option<bool> {
    let path = predicate.path();
    if ["test", "doc", "doctest", "docsrs"]
        .iter()
        .any(|name| path.is_ident(name))
    {
        return Some(false);
    }
    let values: Vec<_> = operands(predicate).iter().map(value).collect();
    let (any, all) = (
        |wanted| values.contains(&Some(wanted)),
        |wanted| values.iter().all(|value| *value == Some(wanted)),
    );
    if path.is_ident("not") {
        values.first().copied().flatten().map(|value| !value)
    } else if path.is_ident("all") {
        if any(false) {
            Some(false)
        } else {
            all(true).then_some(true)
        }
    } else if path.is_ident("any") {
        if any(true) {
            Some(true)
        } else {
            all(false).then_some(false)
        }
    } else {
        None
    }
}

fn text(predicate: &Meta) -> String {
    match predicate {
        Meta::NameValue(pair) if pair.path.is_ident("feature") => {
            format!("feature {}", pair.value.to_token_stream())
        }
        Meta::List(list) => {
            let operands: Vec<_> = operands(predicate).iter().map(text).collect();
            format!("{}({})", list.path.to_token_stream(), operands.join(", "))
        }
        other => other.to_token_stream().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(text: &str) -> Vec<Attribute> {
        syn::parse_str::<syn::ItemStruct>(&format!("{text} struct S;"))
            .unwrap()
            .attrs
    }

    #[test]
    fn items_of_tests_and_documentation_are_excluded() {
        for text in [
            "#[cfg(test)]",
            "#[cfg(all(doc, not(doctest)))]",
            "#[cfg(all(feature = \"a\", any(test, doctest)))]",
        ] {
            assert!(is_excluded(&attributes(text)), "{text}");
        }
        for text in [
            "",
            "#[cfg(not(test))]",
            "#[cfg(any(test, feature = \"a\"))]",
            "#[cfg(unix)]",
            "#[inline]",
        ] {
            assert!(!is_excluded(&attributes(text)), "{text}");
        }
    }

    #[test]
    fn a_cfg_gate_is_a_short_text() {
        let found = gates(&attributes(
            "#[cfg(feature = \"a\")] #[cfg(any(unix, not(feature = \"b\")))]",
        ));
        assert_eq!(found, ["feature \"a\"", "any(unix, not(feature \"b\"))"]);
    }
}
