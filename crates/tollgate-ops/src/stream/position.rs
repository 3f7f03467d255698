//! Positions in the shards of a stream.

use std::collections::BTreeMap;

use crate::record::Sequence;

/// The positions in the shards of a stream, by the shard's id.
pub type Positions = BTreeMap<String, Position>;

/// The position in a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Nothing is read.
    Start,
    /// Everything up to a record is read.
    After {
        /// The record's sequence number.
        sequence: Sequence,
        /// The record's time, epoch seconds.
        time: i64,
    },
    /// Everything is read, and the shard is closed.
    Ended,
}

/// A span of time whose records are gone for good: the stream no longer had them. DynamoDB keeps
/// records for 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The time of the last record that was read before the gap, epoch seconds.
    pub from: i64,
    /// The time of the first record after it, epoch seconds.
    pub to: i64,
}
