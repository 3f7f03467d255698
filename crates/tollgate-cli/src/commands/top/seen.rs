//! The result of a look.

use serde::Serialize;

use super::bucket_rates::BucketRates;

/// The hottest buckets, and how they were found.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) rows: Vec<BucketRates>,
    /// The number of bucket shards that were read.
    pub(super) read: u64,
    /// True if there may be buckets that were not read.
    pub(super) is_sample: bool,
    /// Says for people what the look read.
    pub(super) sentence: String,
    /// `None` if the stream was not read.
    pub(super) stream: Option<StreamReads>,
}

/// The reads of a stream between two looks.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct StreamReads {
    /// Calls of GetRecords.
    pub(super) calls: u64,
    /// Changes of the selected buckets.
    pub(super) changes: u64,
}
