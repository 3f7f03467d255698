//! Looks that read the table's stream instead of its buckets.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use tollgate_ops::{
    OpsError,
    stream::{StreamReader, stream_of},
};

use super::{
    changed_buckets::{ChangedBuckets, Selection},
    ranking::Sort,
    seen::{Seen, StreamReads},
};
use crate::{connect, failure::Failure, options::Options, sdk_config};

/// The pause between two rounds of reads if nothing changes.
const IDLE: Duration = Duration::from_secs(1);

/// The pause between two rounds of reads while changes come.
const BUSY: Duration = Duration::from_millis(200);

/// Reads the changes of buckets from now on.
#[derive(Debug)]
pub(super) struct StreamLooks {
    reader: StreamReader,
    selection: Selection,
    changed: ChangedBuckets,
    calls: u64,
    /// True if the last round read records.
    is_busy: bool,
    /// The time of the look before.
    since: Instant,
}

impl StreamLooks {
    /// Begins at the end of the stream.
    pub(super) async fn begin(options: &Options, selection: Selection) -> Result<Self, Failure> {
        let config = sdk_config::load(options, connect::DEADLINE).await?;
        let table = options.stack()?;
        let stream = stream_of(&Client::new(&config), table.as_str()).await;
        let stream = stream.map_err(failure)?;
        let client = aws_sdk_dynamodbstreams::Client::new(&config);
        let mut looks = Self {
            reader: StreamReader::from_now(client, stream),
            selection,
            changed: ChangedBuckets::default(),
            calls: 0,
            is_busy: false,
            since: Instant::now(),
        };
        looks.read().await?;
        looks.since = Instant::now();
        Ok(looks)
    }

    /// Reads changes for `interval`, and shows those since the look before.
    pub(super) async fn look(
        &mut self,
        interval: Duration,
        sort: Sort,
        most: usize,
    ) -> Result<Seen, Failure> {
        let end = self.since + interval;
        loop {
            let pause = if self.is_busy { BUSY } else { IDLE };
            let left = end.saturating_duration_since(Instant::now());
            tokio::time::sleep(pause.min(left)).await;
            self.read().await?;
            if Instant::now() >= end {
                return self.show(sort, most);
            }
        }
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let page = self.reader.read().await.map_err(failure)?;
        self.calls += page.shards as u64;
        self.is_busy = !page.records.is_empty();
        for record in page.records {
            self.changed.note(record, &self.selection);
        }
        Ok(())
    }

    fn show(&mut self, sort: Sort, most: usize) -> Result<Seen, Failure> {
        let now = Instant::now();
        let seconds = now.duration_since(self.since).as_secs_f64().max(0.001);
        self.since = now;
        let changed = std::mem::take(&mut self.changed);
        let reads = StreamReads {
            calls: std::mem::take(&mut self.calls),
            changes: changed.changes,
        };
        Ok(Seen {
            rows: changed.look(seconds * 1000.0, sort, most)?.into_rows(),
            read: changed.shards(),
            is_sample: changed.is_sample,
            sentence: format!(
                "{} changes of {} buckets in {seconds:.1} s, {} calls of GetRecords",
                reads.changes,
                changed.shards(),
                reads.calls
            ),
            stream: Some(reads),
        })
    }
}

fn failure(error: OpsError) -> Failure {
    match error {
        OpsError::Aws { .. } => Failure::Aws(error.to_string()),
        OpsError::NoStream { table } => Failure::Refused(format!(
            "table {table} has no stream with new and old images: leave out --stream, or switch it on: aws dynamodb \
             update-table --table-name {table} --stream-specification \
             StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
        )),
        error => Failure::Refused(error.to_string()),
    }
}
