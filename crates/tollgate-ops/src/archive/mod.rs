//! Archives of the history: events that expired, as compressed JSON lines.

mod bucket;
mod folder;
mod object;
mod row;
mod store;

pub use bucket::ArchiveBucket;
pub use object::{Object, path_of};
pub use row::AuditRow;
pub use store::Archive;
