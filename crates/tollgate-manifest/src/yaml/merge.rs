//! Merge keys: `<<: *defaults`.

use std::collections::HashSet;

use super::node::{Node, Value};

/// Replaces the merge keys of a mapping by the pairs that they name. Own pairs count more, and
/// earlier mappings count more than later ones. Returns the value that is no mapping, if there is
/// one.
pub(super) fn merged(pairs: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, Node> {
    if !pairs.iter().any(|(key, _)| is_merge(key)) {
        return Ok(pairs);
    }
    let (merges, mut own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| is_merge(key));
    let mut known: HashSet<String> = own.iter().filter_map(|(key, _)| text(key)).collect();
    for (_, value) in merges {
        let sources = match value.value {
            Value::List(items) => items,
            value_of_one => vec![Node {
                place: value.place,
                value: value_of_one,
            }],
        };
        for source in sources {
            let Value::Map(pairs) = source.value else {
                return Err(source);
            };
            for (key, value) in pairs {
                if text(&key).is_none_or(|text| known.insert(text)) {
                    own.push((key, value));
                }
            }
        }
    }
    Ok(own)
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.value, Value::Scalar { text, is_plain: true } if text == "<<")
}

fn text(key: &Node) -> Option<String> {
    match &key.value {
        Value::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    }
}
