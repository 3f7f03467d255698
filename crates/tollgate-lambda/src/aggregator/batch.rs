//! The records of a batch, sorted by what is done with them.

use tollgate_ops::{
    archive::AuditRow,
    usage::{Chains, Change, in_order, is_taken},
};

use super::outcome::{Failed, Outcome};
use crate::event::EventRecord;

/// The changes and the events of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) chains: Chains,
    pub(super) audits: Vec<AuditRow>,
}

impl Batch {
    /// Sorts the records of a stream of `table`. Malformed ones go to the outcome.
    pub(super) fn of(
        records: Vec<EventRecord>,
        table: &str,
        archives: bool,
        outcome: &mut Outcome,
    ) -> Self {
        let mut batch = Self::default();
        outcome.records = records.len();
        for record in records {
            let other = record.table.filter(|other| other != table);
            let content = match (record.content, other) {
                (Ok(content), None) => content,
                (_, Some(other)) => {
                    outcome.failed.push(Failed {
                        sequence: record.sequence,
                        problem: format!("it is of table {other}, and TABLE_NAME is {table}"),
                    });
                    continue;
                }
                (Err(malformed), None) => {
                    outcome.failed.push(Failed {
                        sequence: record.sequence,
                        problem: malformed.to_string(),
                    });
                    continue;
                }
            };
            if let Some((shard, change)) = Change::of(&content) {
                let taken = change.last().keys().filter(|limit| is_taken(limit));
                outcome.uncountable.extend(taken.cloned());
                batch.chains.entry(shard).or_default().push(change);
                outcome.changes += 1;
            } else if archives && let Some(row) = AuditRow::of(&content) {
                batch.audits.push(row);
            }
        }
        in_order(&mut batch.chains);
        batch
    }
}
