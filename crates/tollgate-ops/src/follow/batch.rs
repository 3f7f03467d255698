//! The records that were read and are not counted yet.

use std::{
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use super::options::FollowOptions;
use crate::{
    archive::AuditRow,
    record::StreamRecord,
    siblings::split,
    usage::{BucketName, Chains, Change, Terms, is_taken},
};

/// Records that are counted together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The changes of buckets.
    pub(super) chains: Chains,
    /// The terms of the limits of the buckets that changed, if they are asked for.
    pub(super) terms: HashMap<BucketName, Terms>,
    /// The number of shards of the buckets that other programs have split.
    pub(super) splits: HashMap<BucketName, u32>,
    /// The events that expired.
    pub(super) audits: Vec<AuditRow>,
    /// The number of records.
    pub(super) records: u64,
    /// The number of changes of buckets.
    pub(super) changes: u64,
    /// The limits whose names cannot be counted.
    pub(super) uncountable: BTreeSet<String>,
    /// The time at which the first change, event or split was read.
    pub(super) since: Option<Instant>,
}

impl Batch {
    /// Adds records, as far as the options ask for them.
    pub(super) fn add(&mut self, records: Vec<StreamRecord>, options: &FollowOptions) {
        let archives = options.archive.is_some();
        self.records += records.len() as u64;
        for record in records {
            if options.skip_before.is_some_and(|time| record.time < time) {
                continue;
            }
            if let Some(split) = split(&record) {
                let count = self.splits.entry(split.bucket).or_default();
                *count = split.count.max(*count);
            }
            if let Some((shard, change)) = Change::of(&record) {
                let limits = change.last().keys();
                let taken = limits.filter(|limit| is_taken(limit));
                self.uncountable.extend(taken.cloned());
                if let Some(item) = &record.new
                    && !options.warn_at.is_empty()
                {
                    self.terms.insert(BucketName::of(&shard), Terms::of(item));
                }
                self.chains.entry(shard).or_default().push(change);
                self.changes += 1;
            } else if archives && let Some(row) = AuditRow::of(&record) {
                self.audits.push(row);
            }
        }
        if self.since.is_none() && !self.is_empty() {
            self.since = Some(Instant::now());
        }
    }

    /// Returns the number of changes and events.
    pub(super) fn size(&self) -> u64 {
        self.changes + self.audits.len() as u64
    }

    /// Returns true if there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.audits.is_empty() && self.splits.is_empty()
    }
}
