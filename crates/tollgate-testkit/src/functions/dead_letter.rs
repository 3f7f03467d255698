//! The queue of dead letters.

use serde_json::Value;

use super::batch::{Batch, sequence};

/// The reason why records were given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// The batch had failed as often as it may.
    RetriesExhausted,
    /// The records were too old.
    TooOld,
}

/// Records that were given up. Lambda tells the first and the last sequence number, and the number of
/// records, but not the records.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The number of the shard.
    pub shard: usize,
    /// The reason.
    pub reason: Discarded,
    /// The sequence numbers.
    pub sequences: Vec<String>,
    /// The last reply of the function, if it got the batch.
    pub reply: Option<Value>,
}

impl DeadLetter {
    pub(super) fn of(shard: usize, reason: Discarded, batch: &Batch, reply: Option<Value>) -> Self {
        let records = batch.records.iter();
        Self {
            shard,
            reason,
            sequences: records.map(|record| sequence(record).to_owned()).collect(),
            reply,
        }
    }
}
