//! The loop of an aggregator.

use std::{
    collections::BTreeSet,
    pin::pin,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::Client;

use super::{
    batch::Batch,
    checkpoint::Checkpoint,
    lease::Lease,
    options::FollowOptions,
    progress::{Progress, Totals},
};
use crate::{
    error::OpsError,
    record::StreamRecord,
    siblings::{Split, raise},
    stream::{Page, StreamReader, stream_of},
    usage::{SnapshotWriter, in_order, is_foreign_write},
};

/// The age of records that are a backlog, seconds.
const BACKLOG: i64 = 60;

/// Follows the stream of a table until `stop` is ready, and returns the counts of the run.
///
/// Takes the lease of the table, and continues after its checkpoint; without one it begins with the
/// oldest record of the stream. It writes what it has read before it ends. If the process is killed
/// at any time, the next run counts the rest, and nothing twice.
///
/// # Errors
/// The first error that the SDK's retries did not mend. What was counted is in the table, and the
/// next run continues after the last checkpoint. See [`OpsError`].
pub async fn follow(
    client: &Client,
    streams: &aws_sdk_dynamodbstreams::Client,
    options: &FollowOptions,
    stop: impl Future<Output = ()>,
    mut report: impl FnMut(Progress),
) -> Result<Totals, OpsError> {
    let stream = stream_of(client, &options.table).await?;
    let (lease, known) = take_lease(client, options).await?;
    report(Progress::Started {
        from: known.as_ref().and_then(|known| known.time),
    });
    let mut run = Run::new(client, streams, options, lease, stream, known);
    let mut stop = pin!(stop);
    let mut caught_up = false;
    loop {
        let stopped = tokio::select! {
            biased;
            () = &mut stop => true,
            () = std::future::ready(()) => false,
        };
        if stopped {
            break;
        }
        let page = run.reader.read().await?;
        let at_end = page.at_end;
        run.take(page, &mut report);
        if run.is_due(at_end) {
            run.count(&mut report).await?;
        }
        if at_end && !caught_up {
            report(Progress::CaughtUp);
        }
        caught_up = at_end;
        if at_end && options.once {
            break;
        }
        run.keep_lease().await?;
        if at_end {
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = tokio::time::sleep(options.poll_every) => {}
            }
        }
    }
    run.end(&mut report).await
}

async fn take_lease(
    client: &Client,
    options: &FollowOptions,
) -> Result<(Lease, Option<Checkpoint>), OpsError> {
    let (client, table, duration) = (client.clone(), &options.table, options.lease);
    match &options.owner {
        Some(owner) => Lease::take_as(client, table, owner, duration).await,
        None => Lease::take(client, table, duration).await,
    }
}

/// A run of an aggregator.
struct Run<'a> {
    client: Client,
    options: &'a FollowOptions,
    lease: Lease,
    reader: StreamReader,
    writer: SnapshotWriter,
    checkpoint: Checkpoint,
    batch: Batch,
    totals: Totals,
    newest: Option<i64>,
    /// The time of the oldest record of the last page, epoch seconds.
    reached: Option<i64>,
    saved: Instant,
    told: BTreeSet<String>,
}

impl<'a> Run<'a> {
    fn new(
        client: &Client,
        streams: &aws_sdk_dynamodbstreams::Client,
        options: &'a FollowOptions,
        lease: Lease,
        stream: String,
        known: Option<Checkpoint>,
    ) -> Self {
        let mut checkpoint = known.unwrap_or_default();
        let is_other = checkpoint.stream != stream;
        if is_other {
            checkpoint.positions.clear();
            checkpoint.stream = stream;
        }
        let positions = checkpoint.positions.clone();
        let mut reader = StreamReader::new(
            streams.clone(),
            &checkpoint.stream,
            positions,
            checkpoint.time,
        );
        if options.once {
            reader.end_at(now());
        }
        if is_other && checkpoint.time.is_some() {
            reader.lost();
        }
        let (windows, days) = (options.windows.clone(), options.retention_days);
        Self {
            client: client.clone(),
            options,
            lease,
            reader,
            writer: SnapshotWriter::new(client.clone(), &options.table, windows, days)
                .with_thresholds(options.warn_at.clone()),
            batch: Batch::default(),
            totals: Totals::default(),
            newest: checkpoint.time,
            reached: None,
            checkpoint,
            saved: Instant::now(),
            told: BTreeSet::new(),
        }
    }

    /// Takes the records of a page.
    fn take(&mut self, page: Page, report: &mut impl FnMut(Progress)) {
        if let Some(gap) = page.gap {
            self.checkpoint.lost(gap);
            report(Progress::Missing(gap));
        }
        self.look_for_others(&page.records, report);
        let newest = page.records.iter().map(|record| record.time).max();
        self.newest = self.newest.max(newest);
        let oldest = page.records.iter().map(|record| record.time).min();
        self.reached = oldest.or(self.reached);
        self.batch.add(page.records, self.options);
    }

    /// Notes the writes of snapshots by other programs, and tells the first one.
    fn look_for_others(&mut self, records: &[StreamRecord], report: &mut impl FnMut(Progress)) {
        let from = self.options.skip_before.unwrap_or(i64::MIN);
        let foreign = records
            .iter()
            .filter(|record| record.time >= from && is_foreign_write(record));
        for record in foreign {
            if self.totals.foreign_writes == 0 {
                report(Progress::ForeignWrite {
                    key: format!("{} {}", record.hash, record.range),
                    time: record.time,
                });
            }
            self.totals.foreign_writes += 1;
            let newest = &mut self.checkpoint.foreign_write;
            *newest = (*newest).max(Some(record.time));
        }
    }

    /// Returns true if the records that were read shall be counted now. Fewer and larger batches cost
    /// fewer writes, so while there is a backlog only the size counts.
    fn is_due(&self, at_end: bool) -> bool {
        let waits = self.batch.since.map(|since| since.elapsed());
        let is_behind = !at_end && self.reached.is_some_and(|time| now() - time > BACKLOG);
        self.batch.size() >= self.options.flush_size
            || (!is_behind && waits.is_some_and(|waited| waited >= self.options.flush_after))
    }

    /// Returns the age of the newest record that is read, seconds.
    fn lag(&self) -> i64 {
        self.newest.map_or(0, |newest| (now() - newest).max(0))
    }

    /// Counts the records that were read, and saves the checkpoint.
    async fn count(&mut self, report: &mut impl FnMut(Progress)) -> Result<(), OpsError> {
        if !self.batch.is_empty() {
            self.write(report).await?;
        }
        self.save().await
    }

    async fn write(&mut self, report: &mut impl FnMut(Progress)) -> Result<(), OpsError> {
        let mut batch = std::mem::take(&mut self.batch);
        in_order(&mut batch.chains);
        for limit in &batch.uncountable {
            if self.told.insert(limit.clone()) {
                report(Progress::Uncountable {
                    limit: limit.clone(),
                });
            }
        }
        if let Some(archive) = &self.options.archive {
            archive.store(&batch.audits).await?;
        }
        for (bucket, count) in batch.splits {
            let split = Split { bucket, count };
            let shards = raise(&self.client, &self.options.table, &split).await?;
            if shards > 0 {
                report(Progress::Raised { split, shards });
            }
        }
        self.writer.learn(batch.terms);
        let written = self.writer.write(&batch.chains).await?;
        let counted = Totals {
            records: batch.records,
            changes: batch.changes,
            snapshots: written.snapshots,
            reads: written.reads,
            conflicts: written.conflicts,
            archived: batch.audits.len() as u64,
            foreign_writes: 0,
        };
        self.totals.add(counted);
        report(Progress::Counted {
            batch: counted,
            lag: self.lag(),
        });
        for crossing in written.crossings {
            report(Progress::Crossed(crossing));
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), OpsError> {
        self.checkpoint.positions = self.reader.positions().clone();
        self.checkpoint.time = self.newest;
        self.lease.save(&self.checkpoint).await?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Renews the lease before it ends. Saves a checkpoint if nothing waits to be counted.
    async fn keep_lease(&mut self) -> Result<(), OpsError> {
        if self.saved.elapsed() < self.options.lease / 3 {
            return Ok(());
        }
        if self.batch.is_empty() {
            return self.save().await;
        }
        self.lease.save(&self.checkpoint).await?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Counts what was read, and ends the lease.
    async fn end(mut self, report: &mut impl FnMut(Progress)) -> Result<Totals, OpsError> {
        if !self.batch.is_empty() {
            self.write(report).await?;
        }
        self.totals.records += self.batch.records;
        self.checkpoint.positions = self.reader.positions().clone();
        self.checkpoint.time = self.newest;
        self.lease.end_with(&self.checkpoint).await?;
        Ok(self.totals)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
