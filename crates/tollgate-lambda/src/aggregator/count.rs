//! Counts a batch.

use std::time::Instant;

use aws_sdk_dynamodb::Client;
use tollgate_ops::{
    archive::{Archive, AuditRow},
    usage::{Chains, SnapshotWriter},
};

use super::{
    batch::Batch,
    outcome::{Failed, Outcome},
    settings::Settings,
};
use crate::event::MalformedEvent;

/// The number of buckets whose writes fail one by one, after which the rest of a batch is not tried:
/// then the table is the reason, and not the buckets.
const MOST_FAILURES: usize = 3;

/// The problem of records that were not tried.
const NOT_TRIED: &str = "it was not tried, because others had failed";

/// The problem of records for which there was no time.
const LATE: &str = "the time of the function is over";

/// Counts batches of records. Several may count parts of the same stream at the same time.
#[derive(Debug)]
pub struct Aggregator {
    table: String,
    writer: SnapshotWriter,
    archive: Option<Archive>,
}

impl Aggregator {
    /// Creates an aggregator. Keep it as long as the process runs: it remembers the snapshots that it
    /// wrote, and so needs no read to write them again.
    pub fn new(client: Client, settings: &Settings, archive: Option<Archive>) -> Self {
        let windows = settings.windows.clone();
        let writer =
            SnapshotWriter::new(client, &settings.table, windows, settings.retention_days).shared();
        Self {
            table: settings.table.clone(),
            writer,
            archive,
        }
    }

    /// Counts the records of an event until `deadline` at the latest. Counts what can be counted:
    /// neither a malformed record nor a bucket whose snapshots cannot be written keeps the others from
    /// being counted.
    ///
    /// Records that failed may come again, together with others: no change is counted twice.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the event has no records of a stream.
    pub async fn count(
        &mut self,
        event: impl AsRef<[u8]>,
        deadline: Instant,
    ) -> Result<Outcome, MalformedEvent> {
        let mut outcome = Outcome::default();
        let archives = self.archive.is_some();
        let batch = Batch::read(event.as_ref(), &self.table, archives, &mut outcome)?;
        // The memory is needed for the writes.
        drop(event);
        self.write(batch.chains, deadline, &mut outcome).await;
        self.archive(&batch.audits, deadline, &mut outcome).await;
        Ok(outcome)
    }

    /// Writes snapshots. If that fails, halves are tried, so that only the changes fail that cannot
    /// be written.
    async fn write(&mut self, chains: Chains, deadline: Instant, outcome: &mut Outcome) {
        let mut parts = vec![chains];
        let (mut given_up, mut failures) = (None, 0);
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            if let Some(problem) = given_up {
                fail(&part, problem, outcome);
                continue;
            }
            let write = self.writer.write(&part);
            let error = match tokio::time::timeout_at(deadline.into(), write).await {
                Ok(Ok(written)) => {
                    outcome.snapshots += written.snapshots;
                    outcome.reads += written.reads;
                    outcome.conflicts += written.conflicts;
                    continue;
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    fail(&part, LATE, outcome);
                    given_up = Some(LATE);
                    continue;
                }
            };
            let middle = part.keys().nth(part.len() / 2).cloned();
            match middle.filter(|_| part.len() > 1) {
                Some(middle) => {
                    parts.push(part.split_off(&middle));
                    parts.push(part);
                }
                None => {
                    fail(&part, &error.to_string(), outcome);
                    failures += 1;
                    if failures >= MOST_FAILURES {
                        given_up = Some(NOT_TRIED);
                    }
                }
            }
        }
    }

    async fn archive(&self, rows: &[AuditRow], deadline: Instant, outcome: &mut Outcome) {
        let (Some(archive), Some(first)) =
            (&self.archive, rows.iter().map(|row| &row.sequence).min())
        else {
            return;
        };
        let problem = match tokio::time::timeout_at(deadline.into(), archive.store(rows)).await {
            Ok(Ok(())) => {
                outcome.archived = rows.len();
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => LATE.to_owned(),
        };
        outcome.unarchived = rows.len();
        outcome.failed.push(Failed {
            sequence: Some(first.clone()),
            problem,
        });
    }
}

/// Tells that the changes of a part failed.
fn fail(part: &Chains, problem: &str, outcome: &mut Outcome) {
    let sequences = part.values().flatten().map(|change| &change.sequence);
    outcome.failed.push(Failed {
        sequence: sequences.min().cloned(),
        problem: problem.to_owned(),
    });
}
