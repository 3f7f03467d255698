//! The keys and indexes of the table.

use super::conditions::Condition;
use crate::node::{Node, list, map};

/// The numbers of the local indexes of zae-limiter's template: odd ones have whole items.
const LOCAL: [u32; 5] = [1, 2, 3, 4, 5];

/// Returns the definitions of all attributes that are keys.
pub(super) fn attributes() -> Node {
    let attribute = |name: &str| {
        map([
            ("AttributeName", name.into()),
            ("AttributeType", "S".into()),
        ])
    };
    let global = (1..=4).flat_map(|number| [format!("GSI{number}PK"), format!("GSI{number}SK")]);
    let own = ["PK".to_owned(), "SK".to_owned()].into_iter().chain(global);
    let local = LOCAL.map(|number| {
        let attribute = attribute(&format!("LSI{number}SK"));
        Condition::HasPythonIndexes.only(attribute)
    });
    list(own.map(|name| attribute(&name)).chain(local))
}

/// Returns the keys of a table or of an index.
pub(super) fn keys(hash: &str, range: &str) -> Node {
    let key =
        |name: &str, kind: &str| map([("AttributeName", name.into()), ("KeyType", kind.into())]);
    list([key(hash, "HASH"), key(range, "RANGE")])
}

/// Returns the global indexes, as the library creates them.
pub(super) fn global() -> Node {
    let index = |number: u32, projection: Node| {
        let keys = keys(&format!("GSI{number}PK"), &format!("GSI{number}SK"));
        index(format!("GSI{number}"), keys, projection)
    };
    // Whole items of GSI2 would cost every write of a bucket a second write unit.
    let by_resource = Condition::HasPythonIndexes.choose("ALL".into(), "KEYS_ONLY".into());
    list([
        index(1, "ALL".into()),
        index(2, by_resource),
        index(3, "KEYS_ONLY".into()),
        index(4, "KEYS_ONLY".into()),
    ])
}

/// Returns the local indexes, which nothing uses. CloudFormation would replace a table that lost its
/// local indexes, so a stack that zae-limiter made keeps them.
pub(super) fn local() -> Node {
    let indexes = LOCAL.map(|number| {
        let keys = keys("PK", &format!("LSI{number}SK"));
        let projection = if number % 2 == 1 { "ALL" } else { "KEYS_ONLY" };
        index(format!("LSI{number}"), keys, projection.into())
    });
    Condition::HasPythonIndexes.only(list(indexes))
}

fn index(name: String, keys: Node, projection: Node) -> Node {
    map([
        ("IndexName", name.into()),
        ("KeySchema", keys),
        ("Projection", map([("ProjectionType", projection)])),
    ])
}
