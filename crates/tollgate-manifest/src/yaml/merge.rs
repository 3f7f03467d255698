//! Merge keys: `<<: *defaults`.

use std::collections::{HashMap, HashSet};

use super::node::{Node, Value};
use crate::source::Place;

/// The pairs of a mapping without merge keys, and the faults of these, each with its place.
pub(super) type Merged = (Vec<(Node, Node)>, Vec<(Place, String)>);

/// Replaces the merge keys of a mapping by the pairs that they name. Own pairs count more.
///
/// Two merged mappings must not disagree about a key: YAML takes the value of the first one, and
/// PyYAML, which the Python client reads files with, that of either, by the length of the key.
pub(super) fn merged(pairs: Vec<(Node, Node)>) -> Merged {
    if !pairs.iter().any(|(key, _)| is_merge(key)) {
        return (pairs, Vec::new());
    }
    let (merges, mut all): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| is_merge(key));
    let own: HashSet<String> = all.iter().filter_map(|(key, _)| text(key)).collect();
    let mut faults = Vec::new();
    // The positions of the pairs that were merged.
    let mut known: HashMap<String, usize> = HashMap::new();
    for source in merges.into_iter().flat_map(|(_, value)| sources(value)) {
        let place = source.place;
        let Value::Map(pairs) = source.value else {
            let problem = "`<<` takes a mapping, or a list of mappings";
            faults.push((place, problem.to_owned()));
            continue;
        };
        for (key, value) in pairs {
            let Some(name) = text(&key).filter(|name| !own.contains(name)) else {
                if text(&key).is_none() {
                    all.push((key, value));
                }
                continue;
            };
            let known = known.entry(name);
            if let std::collections::hash_map::Entry::Occupied(first) = &known {
                let first_value = all.get(*first.get()).map(|(_, value)| value);
                if first_value.is_some_and(|first| !first.is_same(&value)) {
                    let name = first.key();
                    faults.push((
                        place,
                        format!(
                            "`{name}` has another value in a mapping that is merged before: the Python client may read \
                             either; set `{name}` beside `<<`, or in one of them only"
                        ),
                    ));
                }
                continue;
            }
            known.or_insert(all.len());
            all.push((key, value));
        }
    }
    (all, faults)
}

/// Returns the mappings that a merge key names.
fn sources(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        value => vec![Node { value, ..node }],
    }
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
