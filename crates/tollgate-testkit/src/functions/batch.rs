//! A batch of records of one shard.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A batch, and the number of times that it failed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) records: Vec<Value>,
    pub(super) failures: u32,
}

impl Batch {
    pub(super) fn new(records: Vec<Value>) -> Self {
        Self {
            records,
            failures: 0,
        }
    }

    /// Returns the event that a function gets.
    pub(super) fn event(&self) -> Value {
        json!({ "Records": self.records })
    }

    /// Returns the place of the record with a sequence number.
    pub(super) fn place(&self, sequence: &str) -> Option<usize> {
        let mut records = self.records.iter();
        records.position(|record| self::sequence(record) == sequence)
    }

    /// Returns the number of records at the beginning that are older than `age`.
    pub(super) fn expired(&self, age: Duration) -> usize {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let oldest = now.unwrap_or_default().saturating_sub(age).as_secs_f64();
        let is_old = |record: &&Value| {
            let time = record.pointer("/dynamodb/ApproximateCreationDateTime");
            time.and_then(Value::as_f64)
                .is_some_and(|time| time < oldest)
        };
        self.records.iter().take_while(is_old).count()
    }
}

/// Returns the sequence number of a record, or an empty text.
pub(super) fn sequence(record: &Value) -> &str {
    let sequence = record.pointer("/dynamodb/SequenceNumber");
    sequence.and_then(Value::as_str).unwrap_or_default()
}

/// Returns the partition key of a record, or an empty text.
pub(super) fn partition(record: &Value) -> &str {
    let key = record.pointer("/dynamodb/Keys/PK/S");
    key.and_then(Value::as_str).unwrap_or_default()
}
