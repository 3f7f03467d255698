//! Changes that are written together.

use tollgate::model::ConfigChange;

use super::change::{ChangeAction, PlannedChange};

/// The number of changes of a part.
const MOST: usize = ConfigChange::MOST;

/// Divides changes into parts, in their order. To delete the config of a resource and to store that
/// of another one are never in the same part: both would write one list.
pub(super) fn parts(changes: &[PlannedChange]) -> Vec<&[PlannedChange]> {
    let mut parts = Vec::new();
    let mut rest = changes;
    while !rest.is_empty() {
        let (part, others) = rest.split_at(length(rest));
        parts.push(part);
        rest = others;
    }
    parts
}

/// Returns the length of the first part.
fn length(changes: &[PlannedChange]) -> usize {
    let mut deletes = None;
    let ends = changes.iter().position(|change| {
        let is_delete = change.action == ChangeAction::Delete;
        change.level == "resource" && *deletes.get_or_insert(is_delete) != is_delete
    });
    ends.unwrap_or(changes.len()).min(MOST)
}

#[cfg(test)]
mod tests {
    use tollgate::model::{ConfigScope, StoredConfig};

    use super::*;

    fn change(scope: ConfigScope, deletes: bool) -> PlannedChange {
        let action = if deletes {
            ChangeAction::Delete
        } else {
            ChangeAction::Update
        };
        PlannedChange::new(action, scope, None, StoredConfig::default())
    }

    #[test]
    fn resources_that_are_stored_and_deleted_are_in_different_parts() {
        let resource = |name: &str, deletes| {
            let scope = ConfigScope::resource(name).unwrap();
            change(scope, deletes)
        };
        let entity = |deletes| change(ConfigScope::entity("user-1").unwrap(), deletes);
        let changes = [
            change(ConfigScope::System, true),
            resource("a", false),
            resource("b", false),
            resource("c", true),
            entity(false),
            entity(true),
        ];
        let lengths = parts(&changes).into_iter().map(<[_]>::len);
        assert_eq!(lengths.collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn many_changes_have_many_parts() {
        let of = |number: usize| {
            let scope = ConfigScope::entity(format!("user-{number}")).unwrap();
            change(scope, false)
        };
        let changes: Vec<_> = (0..2 * MOST + 1).map(of).collect();
        let parts = parts(&changes);
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [MOST, MOST, 1]);
        assert_eq!(parts.concat(), changes);
    }
}
