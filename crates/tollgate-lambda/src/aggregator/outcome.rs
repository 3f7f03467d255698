//! The outcome of a batch.

use std::collections::BTreeSet;

use tollgate_ops::record::Sequence;

/// A record that was not counted or archived.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// The position of the first record that failed for this reason. `None` if the record has none.
    pub sequence: Option<Sequence>,
    /// The reason.
    pub problem: String,
}

/// The counts of a batch, and the records that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The number of records in the batch.
    pub records: usize,
    /// The position of the first record.
    pub first: Option<Sequence>,
    /// The time of the newest record, epoch seconds.
    pub newest: Option<i64>,
    /// The number of changes of buckets among them.
    pub changes: usize,
    /// The number of writes of snapshots.
    pub snapshots: u64,
    /// The number of snapshots that were read before they were written.
    pub reads: u64,
    /// The number of writes that were repeated, because another aggregator wrote the same snapshot.
    pub conflicts: u64,
    /// The number of events that were archived.
    pub archived: usize,
    /// The number of events that could not be archived.
    pub unarchived: usize,
    /// The limits that cannot be counted, because snapshots have an attribute of the same name.
    pub uncountable: BTreeSet<String>,
    /// The records that failed.
    pub failed: Vec<Failed>,
}

impl Outcome {
    /// Returns the position of the first record that failed. Everything before it is counted.
    pub fn first_failed(&self) -> Option<&Sequence> {
        let all = self.failed.iter();
        all.filter_map(|failed| failed.sequence.as_ref()).min()
    }
}
