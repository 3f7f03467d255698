//! Reads a stream shard by shard, parents before their children.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use aws_sdk_dynamodbstreams::{
    Client,
    error::SdkError,
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::ShardIteratorType,
};

use super::{
    convert,
    pages::Pages,
    position::{Gap, Position, Positions},
    shards::{self, StreamShard},
};
use crate::{error::OpsError, record::StreamRecord};

/// The number of empty pages after which a shard counts as read to its end. One page does not tell:
/// DynamoDB answers with empty pages while it looks for records.
const EMPTY_PAGES: u32 = 3;

/// The number of records after which a round leaves the rest of the shards to the next one. Records of
/// many shards together would need much memory.
const MANY: usize = 4000;

/// The time after which the list of shards is read again.
const LIST_EVERY: Duration = Duration::from_secs(30);

/// Reads a stream.
#[derive(Debug)]
pub struct StreamReader {
    client: Client,
    stream: String,
    positions: Positions,
    shards: Vec<StreamShard>,
    /// The shards that are being read.
    open: HashMap<String, Pages>,
    /// The shard with which the next round begins, if the last one did not come to it.
    next: Option<String>,
    listed: Option<Instant>,
    /// True until the first round, if only later records are wanted.
    begins_now: bool,
    /// The shards that were open when a reader of later records began.
    from_now: BTreeSet<String>,
    /// The time after which nothing needs to be read, epoch seconds.
    end: Option<i64>,
    /// The time of the newest record that was read before, epoch seconds.
    known_until: Option<i64>,
    /// The time of the last record before missing ones, epoch seconds.
    missing_since: Option<i64>,
}

/// The records that one round read.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The records, each shard's in its order.
    pub records: Vec<StreamRecord>,
    /// A span whose records are gone.
    pub gap: Option<Gap>,
    /// True if every shard is read to its end.
    pub at_end: bool,
    /// The number of shards that were read, with one call each.
    pub shards: usize,
}

/// The reason why a shard was not read.
enum Obstacle {
    /// The records at the position are deleted.
    Trimmed,
    /// The iterator is too old.
    Expired,
    /// The shard is deleted.
    Gone,
    Failed(OpsError),
}

impl StreamReader {
    /// Creates a reader that continues after `positions`. Shards that are not in it are read from
    /// their beginning. `known_until` is the time of the newest record that was read before, epoch
    /// seconds.
    pub fn new(
        client: Client,
        stream: impl Into<String>,
        positions: Positions,
        known_until: Option<i64>,
    ) -> Self {
        Self {
            client,
            stream: stream.into(),
            positions,
            shards: Vec::new(),
            open: HashMap::new(),
            next: None,
            listed: None,
            begins_now: false,
            from_now: BTreeSet::new(),
            end: None,
            known_until,
            missing_since: None,
        }
    }

    /// Creates a reader of the records that come after the first [`read`](Self::read), for those who
    /// look on. It reads no older record, writes nothing, and needs no lease.
    pub fn from_now(client: Client, stream: impl Into<String>) -> Self {
        Self {
            begins_now: true,
            ..Self::new(client, stream, Positions::new(), None)
        }
    }

    /// Returns how far the stream is read.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Makes a shard count as read to its end after a record that is younger than `seconds`, epoch
    /// seconds. Otherwise a table in use would have no end.
    pub fn end_at(&mut self, seconds: i64) {
        self.end = Some(seconds);
    }

    /// Tells that records are missing since the newest one that was read before, because they were in
    /// another stream, or in a shard that is deleted.
    pub fn lost(&mut self) {
        if let Some(time) = self.known_until {
            self.lost_since(time);
        }
    }

    fn lost_since(&mut self, time: i64) {
        self.missing_since = Some(self.missing_since.map_or(time, |known| known.min(time)));
    }

    /// Reads a page of every shard whose parent is read. If these are many records, the rest of the
    /// shards is read by the next call. One call for each shard, and at times one for the list of
    /// shards.
    ///
    /// # Errors
    /// [`OpsError::Aws`] if a call fails. The positions are then those before the failed call, so
    /// the records that this round read before are lost with it: start again from a checkpoint.
    pub async fn read(&mut self) -> Result<Page, OpsError> {
        if self.listed.is_none_or(|time| time.elapsed() >= LIST_EVERY) {
            self.list().await?;
        }
        let mut page = Page {
            at_end: true,
            ..Page::default()
        };
        let ids = shards::readable(&self.shards, &self.positions);
        let (before, now) = shards::round(&ids, self.next.take());
        page.at_end &= before.iter().all(|id| self.is_at_end(id));
        for id in now {
            if page.records.len() >= MANY {
                self.next = Some(id.clone());
                page.at_end = false;
                break;
            }
            page.shards += 1;
            let records = match self.read_shard(id).await {
                Ok(records) => records,
                Err(Obstacle::Failed(error)) => return Err(error),
                Err(obstacle) => {
                    self.open.remove(id);
                    if !matches!(obstacle, Obstacle::Expired) {
                        self.restart(id);
                    }
                    if matches!(obstacle, Obstacle::Gone) {
                        self.listed = None;
                    }
                    page.at_end = false;
                    continue;
                }
            };
            page.at_end &= self.is_at_end(id);
            page.records.extend(records);
        }
        if let Some(from) = self.missing_since {
            let next = page.records.iter().map(|record| record.time).min();
            if let Some(to) = next {
                self.missing_since = None;
                page.gap = Some(Gap {
                    from,
                    to: to.max(from),
                });
            }
        }
        Ok(page)
    }

    /// Reads the list of shards, and forgets those that are deleted.
    async fn list(&mut self) -> Result<(), OpsError> {
        let first_time = self.listed.is_none();
        self.shards = shards::list(&self.client, &self.stream).await?;
        self.listed = Some(Instant::now());
        if std::mem::take(&mut self.begins_now) {
            self.skip_to_now();
        }
        if !self.positions.is_empty() && shards::has_unknown_parent(&self.shards, &self.positions) {
            self.lost();
        }
        let known: BTreeSet<&str> = self.shards.iter().map(|shard| shard.id.as_str()).collect();
        let gone = |id: &String| !known.contains(id.as_str());
        let gone: Vec<String> = self
            .positions
            .keys()
            .filter(|id| gone(id))
            .cloned()
            .collect();
        for id in gone {
            self.open.remove(&id);
            if let Some(Position::After { time, .. }) = self.positions.remove(&id) {
                self.lost_since(time);
            }
        }
        for shard in self.shards.clone() {
            let position = self.positions.entry(shard.id.clone());
            let position = position.or_insert(Position::Start).clone();
            // DynamoDB refuses a position whose records are deleted. The embedded engine does not,
            // but its first sequence number is that of the first record that it still has.
            if let Position::After { sequence, .. } = position
                && first_time
                && shard.first.is_none_or(|first| first > sequence)
            {
                self.restart(&shard.id);
            }
        }
        Ok(())
    }

    /// Skips all records until now: shards that others continue are closed, and the rest is read from
    /// its end.
    fn skip_to_now(&mut self) {
        let closed = shards::continued(&self.shards);
        for shard in &self.shards {
            if closed.contains(&shard.id) {
                self.positions.insert(shard.id.clone(), Position::Ended);
            } else {
                self.from_now.insert(shard.id.clone());
            }
        }
    }

    /// Continues with the first record that a shard still has.
    fn restart(&mut self, id: &str) {
        let before = self.positions.insert(id.to_owned(), Position::Start);
        if let Some(Position::After { time, .. }) = before {
            self.lost_since(time);
        }
    }

    fn is_at_end(&self, id: &str) -> bool {
        // A shard that has just ended may have children, which are not read.
        let is_after = |end: i64| matches!(self.positions.get(id), Some(Position::After { time, .. }) if *time > end);
        self.end.is_some_and(is_after)
            || self
                .open
                .get(id)
                .is_some_and(|pages| pages.empty >= EMPTY_PAGES)
    }

    async fn read_shard(&mut self, id: &str) -> Result<Vec<StreamRecord>, Obstacle> {
        let mut pages = match self.open.remove(id) {
            Some(pages) => pages,
            None => Pages::new(self.iterator(id).await?),
        };
        let answer = pages
            .read(&self.client)
            .await
            .map_err(obstacle_of_records)?;
        let read = answer.records.unwrap_or_default();
        let records: Vec<StreamRecord> = read.into_iter().filter_map(convert::record).collect();
        if let Some(last) = records.last() {
            let position = Position::After {
                sequence: last.sequence.clone(),
                time: last.time,
            };
            self.positions.insert(id.to_owned(), position);
        }
        if answer.next_shard_iterator.is_some() {
            self.open.insert(id.to_owned(), pages);
        } else {
            self.positions.insert(id.to_owned(), Position::Ended);
            // Its children may be new.
            self.listed = None;
        }
        Ok(records)
    }

    async fn iterator(&self, id: &str) -> Result<String, Obstacle> {
        let request = self
            .client
            .get_shard_iterator()
            .stream_arn(&self.stream)
            .shard_id(id);
        let request = match self.positions.get(id) {
            Some(Position::After { sequence, .. }) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(sequence.as_str()),
            // Nothing was read of it since the reader began.
            _ if self.from_now.contains(id) => {
                request.shard_iterator_type(ShardIteratorType::Latest)
            }
            _ => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let answer = request.send().await.map_err(obstacle_of_iterator)?;
        answer.shard_iterator.ok_or(Obstacle::Gone)
    }
}

fn obstacle_of_records(error: SdkError<GetRecordsError>) -> Obstacle {
    match error.as_service_error() {
        Some(GetRecordsError::TrimmedDataAccessException(_)) => Obstacle::Trimmed,
        Some(GetRecordsError::ExpiredIteratorException(_)) => Obstacle::Expired,
        Some(GetRecordsError::ResourceNotFoundException(_)) => Obstacle::Gone,
        _ => Obstacle::Failed(OpsError::aws("GetRecords", error)),
    }
}

fn obstacle_of_iterator(error: SdkError<GetShardIteratorError>) -> Obstacle {
    match error.as_service_error() {
        Some(GetShardIteratorError::TrimmedDataAccessException(_)) => Obstacle::Trimmed,
        Some(GetShardIteratorError::ResourceNotFoundException(_)) => Obstacle::Gone,
        _ => Obstacle::Failed(OpsError::aws("GetShardIterator", error)),
    }
}
