//! The records of an event.

use serde_json::Value;

use super::record::EventRecord;

/// An event that has no list of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event has no Records: the stream of a table must invoke this function")]
pub struct NoRecords;

/// Reads the records of an event.
///
/// # Errors
/// [`NoRecords`] if it is the event of something else than a stream.
pub fn records_of(mut event: Value) -> Result<Vec<EventRecord>, NoRecords> {
    match event.get_mut("Records").map(Value::take) {
        Some(Value::Array(records)) => Ok(records.iter().map(EventRecord::read).collect()),
        _ => Err(NoRecords),
    }
}
