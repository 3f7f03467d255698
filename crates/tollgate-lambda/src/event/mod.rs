//! Events with records of a table's stream.
//!
//! Each record is read by itself: one that is malformed does not keep the others from being counted.

mod attribute;
mod record;
mod records;

pub use record::{EventRecord, Malformed};
pub use records::{MalformedEvent, read_records};
