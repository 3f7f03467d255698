//! Writes of snapshots by other programs, as the stream shows them.

use super::snapshot::{OWN, REVISION};
use crate::record::{Item, RecordKind, StreamRecord};

/// The beginning of the sort keys of all snapshots.
const SNAPSHOTS: &str = "#USAGE#";

/// Returns true if another program wrote a snapshot: usually the aggregator of the Python library,
/// which then counts the same changes once more. Every write of this crate's own aggregator changes the
/// number `rev` in the map `#tollgate`.
pub fn is_foreign_write(record: &StreamRecord) -> bool {
    let Some(new) = &record.new else {
        return false;
    };
    let revision = |item: &Item| item.get(OWN)?.as_m().ok()?.get(REVISION).cloned();
    let before = record.old.as_ref().and_then(revision);
    record.kind != RecordKind::Remove
        && record.range.starts_with(SNAPSHOTS)
        && revision(new) == before
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        attributes::number,
        record::Sequence,
        usage::{Counters, SnapshotState},
    };

    fn record(range: &str, old: Option<Item>, new: Option<Item>) -> StreamRecord {
        let kind = match (&old, &new) {
            (None, _) => RecordKind::Insert,
            (_, Some(_)) => RecordKind::Modify,
            (_, None) => RecordKind::Remove,
        };
        StreamRecord {
            kind,
            time: 1,
            sequence: Sequence::new("1"),
            hash: "ns/ENTITY#user-1".into(),
            range: range.into(),
            old,
            new,
        }
    }

    /// Returns a snapshot with this number of tokens, after a number of own writes.
    fn snapshot(tokens: i64, revision: Option<i64>) -> Option<Item> {
        let mut item = HashMap::from([("tpm".to_owned(), number(tokens))]);
        if let Some(revision) = revision {
            let state = SnapshotState {
                revision,
                rest: Counters::new(),
                ..SnapshotState::default()
            };
            item.insert(OWN.to_owned(), state.encode());
        }
        Some(item)
    }

    #[test]
    fn a_write_that_leaves_the_own_revision_is_foreign() {
        const KEY: &str = "#USAGE#api#2026-01-31";
        for (old, new, expected) in [
            (None, snapshot(1, None), true),
            (snapshot(1, None), snapshot(2, None), true),
            (snapshot(1, Some(4)), snapshot(2, Some(4)), true),
            (None, snapshot(1, Some(1)), false),
            (snapshot(1, None), snapshot(2, Some(1)), false),
            (snapshot(1, Some(4)), snapshot(2, Some(5)), false),
            (snapshot(1, None), None, false),
        ] {
            let record = record(KEY, old, new);
            assert_eq!(is_foreign_write(&record), expected, "{record:?}");
        }
        assert!(!is_foreign_write(&record("#META", None, snapshot(1, None))));
    }
}
