//! The reports of an aggregator.

use crate::{siblings::ForeignSplit, stream::Gap, usage::Crossing};

/// A report of [`follow`](super::follow).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The lease is taken.
    Started {
        /// The time of the last record that was counted before, epoch seconds. `None` if nothing was
        /// counted before.
        from: Option<i64>,
    },
    /// A batch is counted.
    Counted {
        /// The counts of the batch.
        batch: Totals,
        /// The age of the newest record that is read, seconds.
        lag: i64,
    },
    /// Records are gone for good. The sums of buckets that are used afterwards are complete again,
    /// except for buckets that were made or deleted in the gap.
    Missing(Gap),
    /// A limit cannot be counted, because snapshots have an attribute of the same name.
    Uncountable {
        /// The name of the limit.
        limit: String,
    },
    /// Another program writes snapshots: usually the aggregator of the Python library. It counts what
    /// this one counts, so the sums are too high. Told once in a run.
    ForeignWrite {
        /// The partition key and the sort key of the snapshot.
        key: String,
        /// The time of the write, epoch seconds.
        time: i64,
    },
    /// Another program has split a bucket, and has not written the number of shards to all of them.
    /// They are corrected.
    Raised {
        /// The split.
        split: ForeignSplit,
        /// The number of shards that were corrected.
        shards: u64,
    },
    /// The use in a window has reached a part of what the limit allows in it.
    Crossed(Crossing),
    /// Everything in the stream is counted.
    CaughtUp,
}

/// The counts of a batch, or of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The number of records that were read.
    pub records: u64,
    /// The number of changes of buckets among them.
    pub changes: u64,
    /// The number of writes of snapshots.
    pub snapshots: u64,
    /// The number of snapshots that were read before they were written.
    pub reads: u64,
    /// The number of writes of snapshots that were repeated, because the snapshot had changed.
    pub conflicts: u64,
    /// The number of events that were archived.
    pub archived: u64,
    /// The number of writes of snapshots by other programs. Only in the counts of a run.
    pub foreign_writes: u64,
}

impl Totals {
    /// Adds the counts of a batch.
    pub(super) fn add(&mut self, batch: Self) {
        self.records += batch.records;
        self.changes += batch.changes;
        self.snapshots += batch.snapshots;
        self.reads += batch.reads;
        self.conflicts += batch.conflicts;
        self.archived += batch.archived;
        self.foreign_writes += batch.foreign_writes;
    }
}
