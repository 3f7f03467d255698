//! The records of a batch, sorted by what is done with them.

use tollgate_ops::{
    archive::AuditRow,
    record::StreamRecord,
    usage::{Chains, Change, in_order, is_taken},
};

use super::outcome::{Failed, Outcome};
use crate::event::{EventRecord, MalformedEvent, read_records};

/// The changes and the events of a batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) chains: Chains,
    pub(super) audits: Vec<AuditRow>,
}

impl Batch {
    /// Reads an event with records of the stream of `table`. Malformed records go to the outcome.
    pub(super) fn read(
        event: &[u8],
        table: &str,
        archives: bool,
        outcome: &mut Outcome,
    ) -> Result<Self, MalformedEvent> {
        let mut batch = Self::default();
        read_records(event, |record| {
            if outcome.records == 0 {
                outcome.first = record.sequence.clone();
            }
            outcome.records += 1;
            let sequence = record.sequence.clone();
            match checked(record, table) {
                Ok(record) => batch.add(&record, archives, outcome),
                Err(problem) => outcome.failed.push(Failed { sequence, problem }),
            }
        })?;
        in_order(&mut batch.chains);
        Ok(batch)
    }

    fn add(&mut self, record: &StreamRecord, archives: bool, outcome: &mut Outcome) {
        outcome.newest = outcome.newest.max(Some(record.time));
        if let Some((shard, change)) = Change::of(record) {
            let taken = change.last().keys().filter(|limit| is_taken(limit));
            outcome.uncountable.extend(taken.cloned());
            outcome.changes += 1;
            self.chains.entry(shard).or_default().push(change);
        } else if archives && let Some(row) = AuditRow::of(record) {
            self.audits.push(row);
        }
    }
}

/// Returns the record if it is of this table, and not malformed.
fn checked(record: EventRecord, table: &str) -> Result<StreamRecord, String> {
    match record.table {
        Some(other) if other != table => {
            Err(format!("it is of table {other}, and TABLE_NAME is {table}"))
        }
        _ => record.content.map_err(|malformed| malformed.to_string()),
    }
}
